-- Real payment providers: what a merchant profile shows of itself, accounts with their secrets, and
-- accounts that were disconnected but are still the history of their invoices.
ALTER TABLE merchant_profiles ADD COLUMN legal_name TEXT;
ALTER TABLE merchant_profiles ADD COLUMN support_url TEXT;
ALTER TABLE merchant_profiles ADD COLUMN support_email TEXT;
ALTER TABLE merchant_profiles ADD COLUMN brand_color TEXT;
ALTER TABLE merchant_profiles ADD COLUMN smtp_host TEXT;
ALTER TABLE merchant_profiles ADD COLUMN smtp_port INTEGER CHECK (smtp_port BETWEEN 1 AND 65535);
ALTER TABLE merchant_profiles ADD COLUMN smtp_username TEXT;
ALTER TABLE merchant_profiles ADD COLUMN smtp_password TEXT;
ALTER TABLE merchant_profiles ADD COLUMN smtp_from_address TEXT;
ALTER TABLE merchant_profiles ADD COLUMN smtp_from_name TEXT;
ALTER TABLE merchant_profiles ADD COLUMN smtp_use_starttls INTEGER NOT NULL DEFAULT 1
    CHECK (smtp_use_starttls IN (0, 1));

-- One account of a kind per profile, counting only those that are connected. SQLite cannot take a
-- constraint away, so the table is made anew; what refers to it does so by its name.
CREATE TABLE payment_providers_new (
    id TEXT NOT NULL PRIMARY KEY,
    merchant_profile_id TEXT NOT NULL REFERENCES merchant_profiles (id),
    kind TEXT NOT NULL CHECK (kind IN ('sandbox', 'btcpay', 'zaprite')),
    label TEXT NOT NULL,
    served_rails TEXT NOT NULL CHECK (json_valid(served_rails)),
    base_url TEXT NOT NULL,
    api_key TEXT,
    webhook_id TEXT,
    webhook_secret TEXT,
    store_id TEXT,
    connected_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    disconnected_at INTEGER,
    CHECK (disconnected_at IS NULL OR (api_key IS NULL AND webhook_secret IS NULL))
) STRICT;
INSERT INTO payment_providers_new
    (id, merchant_profile_id, kind, label, served_rails, base_url, connected_at, updated_at)
SELECT id, merchant_profile_id, kind, label, served_rails, '', connected_at, connected_at
FROM payment_providers;
DROP TABLE payment_providers;
ALTER TABLE payment_providers_new RENAME TO payment_providers;
CREATE UNIQUE INDEX payment_providers_one_of_a_kind ON payment_providers (merchant_profile_id, kind)
    WHERE disconnected_at IS NULL;
CREATE INDEX payment_providers_of_profile ON payment_providers (merchant_profile_id);

CREATE TABLE merchant_profile_rail_preferences (
    merchant_profile_id TEXT NOT NULL REFERENCES merchant_profiles (id),
    rail TEXT NOT NULL CHECK (rail IN ('lightning', 'onchain', 'card')),
    payment_provider_id TEXT NOT NULL REFERENCES payment_providers (id),
    PRIMARY KEY (merchant_profile_id, rail)
) STRICT, WITHOUT ROWID;
CREATE INDEX rail_preferences_of_provider
    ON merchant_profile_rail_preferences (payment_provider_id);

-- Consent links given out. Only the hash of a token is kept; the row goes with its first use.
CREATE TABLE connect_states (
    token_hash TEXT NOT NULL PRIMARY KEY,
    merchant_profile_id TEXT,
    label TEXT,
    store_id TEXT,
    is_scoped INTEGER NOT NULL CHECK (is_scoped IN (0, 1)),
    initiator_hash TEXT,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX connect_states_by_age ON connect_states (created_at);

-- How connected accounts answer: when the reconciler leaves one alone, and what operators are told.
CREATE TABLE provider_health (
    payment_provider_id TEXT NOT NULL PRIMARY KEY REFERENCES payment_providers (id),
    failures INTEGER NOT NULL CHECK (failures >= 0),
    failing_since INTEGER,
    left_until INTEGER,
    is_known INTEGER NOT NULL CHECK (is_known IN (0, 1)),
    may_sell INTEGER NOT NULL CHECK (may_sell IN (0, 1)),
    last_ok_at INTEGER,
    last_failed_at INTEGER,
    detail TEXT,
    alerted TEXT
) STRICT, WITHOUT ROWID;

-- A webhook whose look cleared nothing up is followed by looks of our own.
ALTER TABLE webhook_receipts ADD COLUMN original_delivery_id TEXT;
ALTER TABLE webhook_receipts ADD COLUMN claim TEXT;
ALTER TABLE webhook_receipts ADD COLUMN looks INTEGER NOT NULL DEFAULT 0 CHECK (looks >= 0);
ALTER TABLE webhook_receipts ADD COLUMN next_look_at INTEGER;
DROP INDEX webhook_receipts_noted;
CREATE INDEX webhook_receipts_noted ON webhook_receipts (coalesce(next_look_at, received_at))
    WHERE outcome = 'noted';
