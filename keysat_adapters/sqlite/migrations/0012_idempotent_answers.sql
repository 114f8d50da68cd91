-- What was answered to an operator's request that came with an Idempotency-Key. The row is written
-- with the request's effect; the answer, which only who sent the request can open, right after.
CREATE TABLE idempotent_answers (
    actor_hash TEXT NOT NULL,
    operation TEXT NOT NULL,
    key TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    status INTEGER CHECK (status BETWEEN 100 AND 599),
    sealed_body BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (actor_hash, operation, key),
    CHECK ((status IS NULL) = (sealed_body IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotent_answers_by_age ON idempotent_answers (created_at);
