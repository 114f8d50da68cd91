-- Tips to lightning addresses, reserved with the license they are for. payment_hash is kept before
-- anything is paid, so that what became of it can always be asked.
CREATE TABLE tip_attempts (
    id TEXT NOT NULL PRIMARY KEY,
    license_id TEXT NOT NULL REFERENCES licenses (id),
    policy_id TEXT NOT NULL REFERENCES policies (id),
    invoice_id TEXT REFERENCES invoices (id),
    recipient TEXT NOT NULL,
    amount_sats INTEGER NOT NULL CHECK (amount_sats >= 0),
    pct_bps INTEGER NOT NULL CHECK (pct_bps BETWEEN 0 AND 10000),
    label TEXT,
    status TEXT NOT NULL CHECK (status IN ('pending', 'paying', 'sent', 'failed', 'skipped')),
    detail TEXT,
    payment_hash TEXT,
    bolt11 TEXT,
    looks INTEGER NOT NULL CHECK (looks >= 0),
    tried_at INTEGER,
    next_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CHECK (status <> 'paying' OR (payment_hash IS NOT NULL AND tried_at IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX tip_attempts_one_per_license ON tip_attempts (license_id)
    WHERE status <> 'skipped';
CREATE INDEX tip_attempts_of_license ON tip_attempts (license_id, created_at, id);
CREATE INDEX tip_attempts_of_policy ON tip_attempts (policy_id);
CREATE INDEX tip_attempts_of_invoice ON tip_attempts (invoice_id);
CREATE INDEX tip_attempts_by_recipient ON tip_attempts (recipient, created_at, id);
CREATE INDEX tip_attempts_by_age ON tip_attempts (created_at, id);
CREATE INDEX tip_attempts_due ON tip_attempts (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX tip_attempts_spent ON tip_attempts (tried_at, amount_sats)
    WHERE status IN ('paying', 'sent');
