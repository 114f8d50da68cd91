-- One row per background job: of several servers on this file, the holder alone runs it.
-- A lease not renewed until held_until is free again; finished_at is when the job last ended well.
CREATE TABLE IF NOT EXISTS leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT,
    held_until INTEGER NOT NULL,
    finished_at INTEGER
) STRICT, WITHOUT ROWID;
