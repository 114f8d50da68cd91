-- What somebody signed in with, if it was not the password: an API key, whose rights the session has
-- for as long as the key has them, or the master key, by its SHA-256.
ALTER TABLE sessions ADD COLUMN api_key_id TEXT REFERENCES api_keys (id);
ALTER TABLE sessions ADD COLUMN master_key_hash TEXT
    CHECK (master_key_hash IS NULL OR api_key_id IS NULL);
CREATE INDEX sessions_by_key ON sessions (api_key_id);
