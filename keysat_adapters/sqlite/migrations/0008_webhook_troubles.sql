-- What operators must see to: webhooks of connected accounts that do not arrive. A webhook that works
-- has no row.
CREATE TABLE webhook_troubles (
    payment_provider_id TEXT NOT NULL PRIMARY KEY REFERENCES payment_providers (id),
    problem TEXT NOT NULL
        CHECK (problem IN ('switched_off', 'elsewhere', 'refused', 'undelivered', 'outdated')),
    detail TEXT,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a store is called, as its server said when it was connected.
ALTER TABLE payment_providers ADD COLUMN store_name TEXT;
