-- The database's schema, generated from its migrations; do not edit.

PRAGMA application_id = 1262836051;

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    label TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('read-only', 'license-issuer', 'support', 'merchant-onboard',
        'full-admin')),
    extra_scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT;

CREATE INDEX api_keys_by_age ON api_keys (created_at);

CREATE TABLE audit_days (
    day INTEGER NOT NULL PRIMARY KEY,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    row_count INTEGER NOT NULL
) STRICT;

CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    actor_kind TEXT NOT NULL,
    actor_hash TEXT,
    action TEXT NOT NULL,
    target_kind TEXT,
    target_id TEXT,
    request_ip TEXT,
    user_agent TEXT,
    request_id TEXT,
    details TEXT NOT NULL CHECK (json_valid(details)),
    occurred_at INTEGER NOT NULL
, previous_hash BLOB NOT NULL DEFAULT x'', hash BLOB NOT NULL DEFAULT x'') STRICT;

CREATE INDEX audit_log_by_action ON audit_log (action);

CREATE INDEX audit_log_by_actor ON audit_log (actor_hash) WHERE actor_hash IS NOT NULL;

CREATE INDEX audit_log_by_actor_id
    ON audit_log (CASE WHEN json_valid(details) THEN details ->> 'actor_id' END)
    WHERE CASE WHEN json_valid(details) THEN details ->> 'actor_id' END IS NOT NULL;

CREATE INDEX audit_log_by_actor_kind ON audit_log (actor_kind);

CREATE INDEX audit_log_by_age ON audit_log (occurred_at);

CREATE INDEX audit_log_by_request ON audit_log (request_id) WHERE request_id IS NOT NULL;

CREATE INDEX audit_log_by_target ON audit_log (target_id) WHERE target_id IS NOT NULL;

CREATE INDEX audit_log_by_target_kind ON audit_log (target_kind) WHERE target_kind IS NOT NULL;

CREATE TRIGGER audit_log_counted AFTER INSERT ON audit_log BEGIN
    INSERT INTO audit_days VALUES (NEW.occurred_at / 86400, NEW.id, NEW.id, 1)
        ON CONFLICT DO UPDATE SET first_id = min(first_id, NEW.id), last_id = max(last_id, NEW.id),
            row_count = row_count + 1;
    INSERT INTO row_counts VALUES ('audit_log', NEW.actor_kind, NEW.action, coalesce(NEW.target_kind, ''), 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE TRIGGER audit_log_recounted AFTER UPDATE OF actor_kind, action, target_kind ON audit_log
WHEN OLD.actor_kind IS NOT NEW.actor_kind OR OLD.action IS NOT NEW.action OR OLD.target_kind IS NOT NEW.target_kind BEGIN
    INSERT INTO row_counts VALUES ('audit_log', OLD.actor_kind, OLD.action, coalesce(OLD.target_kind, ''), -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
    INSERT INTO row_counts VALUES ('audit_log', NEW.actor_kind, NEW.action, coalesce(NEW.target_kind, ''), 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE TRIGGER audit_log_uncounted AFTER DELETE ON audit_log BEGIN
    INSERT INTO row_counts VALUES ('audit_log', OLD.actor_kind, OLD.action, coalesce(OLD.target_kind, ''), -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
END;

CREATE TABLE charges (
    invoice_id TEXT NOT NULL PRIMARY KEY REFERENCES invoices (id),
    saved_invoice_id TEXT REFERENCES saved_payments (invoice_id),
    profile_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reserved', 'charged', 'not_charged', 'failed', 'unknown')),
    raw_status TEXT NOT NULL,
    detail TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX charges_of_saved_payment ON charges (saved_invoice_id);

CREATE TABLE code_redemptions (
    id TEXT NOT NULL PRIMARY KEY,
    code_id TEXT NOT NULL REFERENCES discount_codes (id),
    invoice_id TEXT NOT NULL UNIQUE REFERENCES invoices (id) DEFERRABLE INITIALLY DEFERRED,
    license_id TEXT REFERENCES licenses (id) DEFERRABLE INITIALLY DEFERRED,
    status TEXT NOT NULL CHECK (status IN ('pending', 'redeemed', 'cancelled')),
    discount_applied_sats INTEGER NOT NULL CHECK (discount_applied_sats >= 0),
    base_price_sats INTEGER NOT NULL CHECK (base_price_sats >= 0),
    final_price_sats INTEGER NOT NULL CHECK (final_price_sats >= 0),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TRIGGER code_redemptions_added AFTER INSERT ON code_redemptions
WHEN NEW.status = 'redeemed' BEGIN
    INSERT INTO code_spans
        SELECT value, NEW.updated_at / (86400 * value), NEW.code_id, 1,
            (NEW.final_price_sats > 0), NEW.discount_applied_sats, NEW.final_price_sats
        FROM (SELECT 1 AS value UNION ALL SELECT 32) WHERE NEW.status = 'redeemed'
        ON CONFLICT DO UPDATE SET redemption_count = redemption_count + 1,
            paid_count = paid_count + (NEW.final_price_sats > 0),
            discount_applied_sats = discount_applied_sats + NEW.discount_applied_sats,
            final_price_sats = final_price_sats + NEW.final_price_sats;
END;

CREATE TRIGGER code_redemptions_changed AFTER UPDATE ON code_redemptions
WHEN OLD.status = 'redeemed' OR NEW.status = 'redeemed' BEGIN
    INSERT INTO code_spans
        SELECT value, OLD.updated_at / (86400 * value), OLD.code_id, -1,
            -(OLD.final_price_sats > 0), -OLD.discount_applied_sats, -OLD.final_price_sats
        FROM (SELECT 1 AS value UNION ALL SELECT 32) WHERE OLD.status = 'redeemed'
        ON CONFLICT DO UPDATE SET redemption_count = redemption_count - 1,
            paid_count = paid_count - (OLD.final_price_sats > 0),
            discount_applied_sats = discount_applied_sats - OLD.discount_applied_sats,
            final_price_sats = final_price_sats - OLD.final_price_sats;
    INSERT INTO code_spans
        SELECT value, NEW.updated_at / (86400 * value), NEW.code_id, 1,
            (NEW.final_price_sats > 0), NEW.discount_applied_sats, NEW.final_price_sats
        FROM (SELECT 1 AS value UNION ALL SELECT 32) WHERE NEW.status = 'redeemed'
        ON CONFLICT DO UPDATE SET redemption_count = redemption_count + 1,
            paid_count = paid_count + (NEW.final_price_sats > 0),
            discount_applied_sats = discount_applied_sats + NEW.discount_applied_sats,
            final_price_sats = final_price_sats + NEW.final_price_sats;
END;

CREATE INDEX code_redemptions_of_code ON code_redemptions (code_id, created_at, id);

CREATE INDEX code_redemptions_of_license ON code_redemptions (license_id);

CREATE INDEX code_redemptions_pending ON code_redemptions (created_at) WHERE status = 'pending';

CREATE INDEX code_redemptions_redeemed
    ON code_redemptions (updated_at, code_id, final_price_sats, discount_applied_sats)
    WHERE status = 'redeemed';

CREATE TRIGGER code_redemptions_removed AFTER DELETE ON code_redemptions
WHEN OLD.status = 'redeemed' BEGIN
    INSERT INTO code_spans
        SELECT value, OLD.updated_at / (86400 * value), OLD.code_id, -1,
            -(OLD.final_price_sats > 0), -OLD.discount_applied_sats, -OLD.final_price_sats
        FROM (SELECT 1 AS value UNION ALL SELECT 32) WHERE OLD.status = 'redeemed'
        ON CONFLICT DO UPDATE SET redemption_count = redemption_count - 1,
            paid_count = paid_count - (OLD.final_price_sats > 0),
            discount_applied_sats = discount_applied_sats - OLD.discount_applied_sats,
            final_price_sats = final_price_sats - OLD.final_price_sats;
END;

CREATE TABLE code_spans (
    span_days INTEGER NOT NULL,
    span INTEGER NOT NULL,
    code_id TEXT NOT NULL,
    redemption_count INTEGER NOT NULL,
    paid_count INTEGER NOT NULL,
    discount_applied_sats INTEGER NOT NULL,
    final_price_sats INTEGER NOT NULL,
    PRIMARY KEY (span_days, span, code_id)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE discount_codes (
    id TEXT NOT NULL PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('percent', 'fixed_sats', 'set_price', 'free_license')),
    amount INTEGER NOT NULL CHECK (amount >= 0),
    discount_currency TEXT NOT NULL CHECK (discount_currency IN ('SAT', 'USD', 'EUR')),
    duration TEXT NOT NULL CHECK (duration IN ('once', 'forever')),
    max_uses INTEGER CHECK (max_uses >= 1),
    used_count INTEGER NOT NULL CHECK (used_count >= 0),
    expires_at INTEGER,
    applies_to_product_id TEXT REFERENCES products (id),
    applies_to_policy_ids TEXT NOT NULL CHECK (json_valid(applies_to_policy_ids)),
    referrer_label TEXT,
    description TEXT NOT NULL,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    featured INTEGER NOT NULL CHECK (featured IN (0, 1)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CHECK (applies_to_product_id IS NOT NULL OR applies_to_policy_ids = '[]')
) STRICT;

CREATE INDEX discount_codes_active ON discount_codes (created_at, id) WHERE active = 1;

CREATE INDEX discount_codes_by_age ON discount_codes (created_at, id);

CREATE INDEX discount_codes_featured ON discount_codes (created_at, id)
    WHERE featured = 1 AND active = 1;

CREATE INDEX discount_codes_of_product ON discount_codes (applies_to_product_id);

CREATE TABLE idempotency_keys (
    operation TEXT NOT NULL,
    key TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    invoice_id TEXT NOT NULL REFERENCES invoices (id) DEFERRABLE INITIALLY DEFERRED,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (operation, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE INDEX idempotency_keys_of_invoice ON idempotency_keys (invoice_id);

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

CREATE TABLE invoices (
    id TEXT NOT NULL PRIMARY KEY,
    product_id TEXT NOT NULL REFERENCES products (id),
    policy_id TEXT REFERENCES policies (id),
    status TEXT NOT NULL CHECK (status IN ('pending', 'settled', 'expired', 'invalid')),
    amount_sats INTEGER NOT NULL CHECK (amount_sats BETWEEN 0 AND 2100000000000000),
    base_price_sats INTEGER NOT NULL CHECK (base_price_sats >= 0),
    listed_currency TEXT CHECK (listed_currency IN ('SAT', 'USD', 'EUR')),
    listed_value INTEGER CHECK (listed_value >= 0),
    exchange_rate_centibps INTEGER CHECK (exchange_rate_centibps >= 0),
    exchange_rate_source TEXT,
    buyer_email TEXT,
    buyer_note TEXT,
    rail TEXT CHECK (rail IN ('lightning', 'onchain', 'card')),
    redirect_url TEXT NOT NULL,
    payment_provider_id TEXT REFERENCES payment_providers (id),
    provider_invoice_id TEXT,
    provider_status_raw TEXT,
    checkout_url TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    settled_at INTEGER,
    effect_at INTEGER,
    last_checked_at INTEGER, settled_by TEXT
    CHECK (settled_by IN ('provider', 'late_payment', 'operator')), attention TEXT
    CHECK (attention IN ('paid_late', 'partial_payment', 'processing_after_expiry',
        'provider_disconnected', 'provider_reversed')), buyer_email_folded TEXT, held_at INTEGER,
    UNIQUE (payment_provider_id, provider_invoice_id)
) STRICT;

CREATE INDEX invoices_at_provider ON invoices (provider_invoice_id);

CREATE INDEX invoices_by_age ON invoices (created_at, id);

CREATE INDEX invoices_by_age_of_product ON invoices (product_id, created_at, id);

CREATE INDEX invoices_by_age_of_provider ON invoices (payment_provider_id, created_at, id);

CREATE INDEX invoices_by_email ON invoices (buyer_email_folded, created_at, id)
    WHERE buyer_email_folded IS NOT NULL;

CREATE INDEX invoices_by_status ON invoices (status, created_at, id);

CREATE INDEX invoices_by_status_of_product ON invoices (product_id, status, created_at, id);

CREATE INDEX invoices_by_status_of_provider ON invoices (payment_provider_id, status, created_at, id);

CREATE TRIGGER invoices_counted AFTER INSERT ON invoices BEGIN
    INSERT INTO row_counts VALUES ('invoices', NEW.product_id, coalesce(NEW.payment_provider_id, ''), NEW.status, 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE TRIGGER invoices_earned AFTER INSERT ON invoices WHEN NEW.status = 'settled' BEGIN
    INSERT INTO revenue_days
        SELECT coalesce(NEW.settled_at, 0) / 86400, 1, NEW.amount_sats
        WHERE NEW.status = 'settled' AND NEW.amount_sats > 0
        ON CONFLICT DO UPDATE SET invoice_count = invoice_count + 1,
            amount_sats = amount_sats + NEW.amount_sats;
END;

CREATE TRIGGER invoices_earned_otherwise AFTER UPDATE OF status, amount_sats, settled_at ON invoices
WHEN (OLD.status = 'settled' OR NEW.status = 'settled')
    AND (OLD.status, OLD.amount_sats, OLD.settled_at)
        IS NOT (NEW.status, NEW.amount_sats, NEW.settled_at) BEGIN
    INSERT INTO revenue_days
        SELECT coalesce(OLD.settled_at, 0) / 86400, -1, -OLD.amount_sats
        WHERE OLD.status = 'settled' AND OLD.amount_sats > 0
        ON CONFLICT DO UPDATE SET invoice_count = invoice_count - 1,
            amount_sats = amount_sats - OLD.amount_sats;
    INSERT INTO revenue_days
        SELECT coalesce(NEW.settled_at, 0) / 86400, 1, NEW.amount_sats
        WHERE NEW.status = 'settled' AND NEW.amount_sats > 0
        ON CONFLICT DO UPDATE SET invoice_count = invoice_count + 1,
            amount_sats = amount_sats + NEW.amount_sats;
END;

CREATE INDEX invoices_of_policy ON invoices (policy_id, status);

CREATE TRIGGER invoices_recounted AFTER UPDATE OF product_id, payment_provider_id, status ON invoices
WHEN OLD.product_id IS NOT NEW.product_id OR OLD.payment_provider_id IS NOT NEW.payment_provider_id OR OLD.status IS NOT NEW.status BEGIN
    INSERT INTO row_counts VALUES ('invoices', OLD.product_id, coalesce(OLD.payment_provider_id, ''), OLD.status, -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
    INSERT INTO row_counts VALUES ('invoices', NEW.product_id, coalesce(NEW.payment_provider_id, ''), NEW.status, 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE INDEX invoices_revenue ON invoices (status, settled_at, amount_sats);

CREATE TRIGGER invoices_sold AFTER INSERT ON invoices WHEN NEW.status = 'settled' BEGIN
    INSERT INTO product_days SELECT coalesce(NEW.settled_at, 0) / 86400, NEW.product_id, 1, NEW.amount_sats
        WHERE NEW.status = 'settled' AND NEW.amount_sats > 0
        ON CONFLICT DO UPDATE SET invoice_count = invoice_count + 1, amount_sats = amount_sats + NEW.amount_sats;
END;

CREATE TRIGGER invoices_sold_anew AFTER UPDATE OF
    product_id, status, amount_sats, settled_at ON invoices
WHEN (OLD.status = 'settled' OR NEW.status = 'settled') AND
    (OLD.product_id, OLD.status, OLD.amount_sats, OLD.settled_at) IS NOT
    (NEW.product_id, NEW.status, NEW.amount_sats, NEW.settled_at) BEGIN
    INSERT INTO product_days SELECT coalesce(OLD.settled_at, 0) / 86400, OLD.product_id, -1, -OLD.amount_sats
        WHERE OLD.status = 'settled' AND OLD.amount_sats > 0
        ON CONFLICT DO UPDATE SET invoice_count = invoice_count - 1, amount_sats = amount_sats - OLD.amount_sats;
    INSERT INTO product_days SELECT coalesce(NEW.settled_at, 0) / 86400, NEW.product_id, 1, NEW.amount_sats
        WHERE NEW.status = 'settled' AND NEW.amount_sats > 0
        ON CONFLICT DO UPDATE SET invoice_count = invoice_count + 1, amount_sats = amount_sats + NEW.amount_sats;
END;

CREATE TRIGGER invoices_sold_no_more AFTER DELETE ON invoices WHEN OLD.status = 'settled' BEGIN
    INSERT INTO product_days SELECT coalesce(OLD.settled_at, 0) / 86400, OLD.product_id, -1, -OLD.amount_sats
        WHERE OLD.status = 'settled' AND OLD.amount_sats > 0
        ON CONFLICT DO UPDATE SET invoice_count = invoice_count - 1, amount_sats = amount_sats - OLD.amount_sats;
END;

CREATE TRIGGER invoices_uncounted AFTER DELETE ON invoices BEGIN
    INSERT INTO row_counts VALUES ('invoices', OLD.product_id, coalesce(OLD.payment_provider_id, ''), OLD.status, -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
END;

CREATE TRIGGER invoices_unearned AFTER DELETE ON invoices WHEN OLD.status = 'settled' BEGIN
    INSERT INTO revenue_days
        SELECT coalesce(OLD.settled_at, 0) / 86400, -1, -OLD.amount_sats
        WHERE OLD.status = 'settled' AND OLD.amount_sats > 0
        ON CONFLICT DO UPDATE SET invoice_count = invoice_count - 1,
            amount_sats = amount_sats - OLD.amount_sats;
END;

CREATE INDEX invoices_with_attention ON invoices (created_at, id)
    WHERE attention IS NOT NULL OR (status = 'settled' AND effect_at IS NULL);

CREATE INDEX invoices_without_effect ON invoices (created_at)
    WHERE status = 'settled' AND effect_at IS NULL AND held_at IS NULL;

CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT,
    held_until INTEGER NOT NULL,
    finished_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE license_days (
    day INTEGER NOT NULL PRIMARY KEY,
    issued_count INTEGER NOT NULL,
    ended_count INTEGER NOT NULL
) STRICT;

CREATE TABLE licenses (
    id TEXT NOT NULL PRIMARY KEY,
    product_id TEXT NOT NULL REFERENCES products (id),
    policy_id TEXT REFERENCES policies (id),
    invoice_id TEXT UNIQUE REFERENCES invoices (id),
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'revoked')),
    issued_at INTEGER NOT NULL,
    expires_at INTEGER,
    grace_seconds INTEGER NOT NULL CHECK (grace_seconds >= 0),
    max_machines INTEGER NOT NULL CHECK (max_machines >= 0),
    is_trial INTEGER NOT NULL CHECK (is_trial IN (0, 1)),
    entitlements TEXT NOT NULL CHECK (json_valid(entitlements)),
    fingerprint TEXT,
    buyer_email TEXT,
    nostr_npub TEXT,
    bound_identity TEXT,
    metadata TEXT NOT NULL CHECK (json_valid(metadata)),
    suspended_at INTEGER,
    suspension_reason TEXT,
    revoked_at INTEGER,
    revocation_reason TEXT,
    buyer_email_folded TEXT,
    CHECK ((buyer_email IS NULL) = (buyer_email_folded IS NULL))
) STRICT;

CREATE INDEX licenses_by_email ON licenses (buyer_email_folded, issued_at, id)
    WHERE buyer_email_folded IS NOT NULL;

CREATE INDEX licenses_by_issue ON licenses (issued_at, id);

CREATE INDEX licenses_by_npub ON licenses (nostr_npub, issued_at, id)
    WHERE nostr_npub IS NOT NULL;

CREATE INDEX licenses_by_status ON licenses (status, issued_at, id);

CREATE TRIGGER licenses_counted AFTER INSERT ON licenses BEGIN
    INSERT INTO row_counts VALUES ('licenses', NEW.product_id, coalesce(NEW.policy_id, ''), NEW.status, 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE TRIGGER licenses_dated AFTER INSERT ON licenses BEGIN
    INSERT INTO license_days VALUES (NEW.issued_at / 86400, 1, 0)
        ON CONFLICT DO UPDATE SET issued_count = issued_count + 1;
    INSERT INTO license_days SELECT coalesce(NEW.revoked_at, NEW.suspended_at, NEW.issued_at) / 86400, 0, 1
        WHERE NEW.status <> 'active'
        ON CONFLICT DO UPDATE SET ended_count = ended_count + 1;
END;

CREATE TRIGGER licenses_dated_anew AFTER UPDATE OF
    status, issued_at, suspended_at, revoked_at ON licenses
WHEN (OLD.status, OLD.issued_at, OLD.suspended_at, OLD.revoked_at) IS NOT
    (NEW.status, NEW.issued_at, NEW.suspended_at, NEW.revoked_at) BEGIN
    INSERT INTO license_days VALUES (OLD.issued_at / 86400, -1, 0)
        ON CONFLICT DO UPDATE SET issued_count = issued_count - 1;
    INSERT INTO license_days VALUES (NEW.issued_at / 86400, 1, 0)
        ON CONFLICT DO UPDATE SET issued_count = issued_count + 1;
    INSERT INTO license_days SELECT coalesce(OLD.revoked_at, OLD.suspended_at, OLD.issued_at) / 86400, 0, -1
        WHERE OLD.status <> 'active'
        ON CONFLICT DO UPDATE SET ended_count = ended_count - 1;
    INSERT INTO license_days SELECT coalesce(NEW.revoked_at, NEW.suspended_at, NEW.issued_at) / 86400, 0, 1
        WHERE NEW.status <> 'active'
        ON CONFLICT DO UPDATE SET ended_count = ended_count + 1;
END;

CREATE TRIGGER licenses_dated_no_more AFTER DELETE ON licenses BEGIN
    INSERT INTO license_days VALUES (OLD.issued_at / 86400, -1, 0)
        ON CONFLICT DO UPDATE SET issued_count = issued_count - 1;
    INSERT INTO license_days SELECT coalesce(OLD.revoked_at, OLD.suspended_at, OLD.issued_at) / 86400, 0, -1
        WHERE OLD.status <> 'active'
        ON CONFLICT DO UPDATE SET ended_count = ended_count - 1;
END;

CREATE INDEX licenses_expiring ON licenses (expires_at) WHERE status = 'active' AND expires_at IS NOT NULL;

CREATE INDEX licenses_not_active_of_policy ON licenses (policy_id, status, issued_at, id)
    WHERE status <> 'active';

CREATE INDEX licenses_not_active_of_product ON licenses (product_id, status, issued_at, id)
    WHERE status <> 'active';

CREATE INDEX licenses_of_policy ON licenses (policy_id, issued_at, id);

CREATE INDEX licenses_of_product ON licenses (product_id, issued_at, id);

CREATE TRIGGER licenses_recounted AFTER UPDATE OF product_id, policy_id, status ON licenses
WHEN OLD.product_id IS NOT NEW.product_id OR OLD.policy_id IS NOT NEW.policy_id OR OLD.status IS NOT NEW.status BEGIN
    INSERT INTO row_counts VALUES ('licenses', OLD.product_id, coalesce(OLD.policy_id, ''), OLD.status, -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
    INSERT INTO row_counts VALUES ('licenses', NEW.product_id, coalesce(NEW.policy_id, ''), NEW.status, 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE TRIGGER licenses_uncounted AFTER DELETE ON licenses BEGIN
    INSERT INTO row_counts VALUES ('licenses', OLD.product_id, coalesce(OLD.policy_id, ''), OLD.status, -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
END;

CREATE TABLE machines (
    id TEXT NOT NULL PRIMARY KEY,
    license_id TEXT NOT NULL REFERENCES licenses (id),
    fingerprint TEXT NOT NULL,
    fingerprint_hash TEXT NOT NULL,
    hostname TEXT,
    platform TEXT,
    ip_last_seen TEXT,
    activated_at INTEGER NOT NULL,
    last_heartbeat_at INTEGER NOT NULL,
    deactivated_at INTEGER,
    deactivation_reason TEXT
, product_id TEXT) STRICT;

CREATE INDEX machines_by_fingerprint ON machines (substr(fingerprint_hash, 1, 16));

CREATE INDEX machines_by_heartbeat ON machines (last_heartbeat_at, id, deactivated_at);

CREATE INDEX machines_by_hostname ON machines (lower(hostname)) WHERE hostname IS NOT NULL;

CREATE TRIGGER machines_counted AFTER INSERT ON machines BEGIN
    UPDATE machines SET product_id = (SELECT product_id FROM licenses WHERE id = NEW.license_id)
        WHERE id = NEW.id;
    INSERT INTO row_counts VALUES ('machines', coalesce((SELECT product_id FROM licenses WHERE id = NEW.license_id), ''), iif(NEW.deactivated_at IS NULL, 'live', 'gone'), '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE INDEX machines_of_license ON machines (license_id, last_heartbeat_at, id);

CREATE INDEX machines_of_product ON machines (product_id, last_heartbeat_at, id, deactivated_at);

CREATE UNIQUE INDEX machines_one_live ON machines (license_id, fingerprint_hash)
    WHERE deactivated_at IS NULL;

CREATE TRIGGER machines_recounted AFTER UPDATE OF deactivated_at ON machines
WHEN (OLD.deactivated_at IS NULL) <> (NEW.deactivated_at IS NULL) BEGIN
    INSERT INTO row_counts VALUES ('machines', coalesce(OLD.product_id, ''), iif(OLD.deactivated_at IS NULL, 'live', 'gone'), '', -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
    INSERT INTO row_counts VALUES ('machines', coalesce(NEW.product_id, ''), iif(NEW.deactivated_at IS NULL, 'live', 'gone'), '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE INDEX machines_seats ON machines (license_id, deactivated_at);

CREATE TRIGGER machines_uncounted AFTER DELETE ON machines BEGIN
    INSERT INTO row_counts VALUES ('machines', coalesce(OLD.product_id, ''), iif(OLD.deactivated_at IS NULL, 'live', 'gone'), '', -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
END;

CREATE TABLE merchant_profile_logos (
    merchant_profile_id TEXT PRIMARY KEY REFERENCES merchant_profiles (id) ON DELETE CASCADE,
    media_type TEXT NOT NULL CHECK (media_type IN ('image/png', 'image/jpeg', 'image/webp')),
    content BLOB NOT NULL CHECK (length(content) BETWEEN 1 AND 32768),
    version TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE merchant_profile_rail_preferences (
    merchant_profile_id TEXT NOT NULL REFERENCES merchant_profiles (id),
    rail TEXT NOT NULL CHECK (rail IN ('lightning', 'onchain', 'card')),
    payment_provider_id TEXT NOT NULL REFERENCES payment_providers (id),
    PRIMARY KEY (merchant_profile_id, rail)
) STRICT, WITHOUT ROWID;

CREATE INDEX rail_preferences_of_provider
    ON merchant_profile_rail_preferences (payment_provider_id);

CREATE TABLE merchant_profiles (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    post_purchase_redirect_url TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
, legal_name TEXT, support_url TEXT, support_email TEXT, brand_color TEXT, smtp_host TEXT, smtp_port INTEGER CHECK (smtp_port BETWEEN 1 AND 65535), smtp_username TEXT, smtp_password TEXT, smtp_from_address TEXT, smtp_from_name TEXT, smtp_use_starttls INTEGER NOT NULL DEFAULT 1
    CHECK (smtp_use_starttls IN (0, 1))) STRICT;

CREATE UNIQUE INDEX merchant_profiles_one_default ON merchant_profiles (is_default)
    WHERE is_default = 1;

CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    event_type TEXT NOT NULL,
    is_published INTEGER NOT NULL CHECK (is_published IN (0, 1)),
    body TEXT NOT NULL CHECK (json_valid(body)),
    occurred_at INTEGER NOT NULL
) STRICT;

CREATE INDEX outbox_by_age ON outbox (occurred_at) WHERE is_published = 1;

CREATE TABLE "payment_providers" (
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
    disconnected_at INTEGER, store_name TEXT,
    CHECK (disconnected_at IS NULL OR (api_key IS NULL AND webhook_secret IS NULL))
) STRICT;

CREATE INDEX payment_providers_of_profile ON payment_providers (merchant_profile_id);

CREATE UNIQUE INDEX payment_providers_one_of_a_kind ON payment_providers (merchant_profile_id, kind)
    WHERE disconnected_at IS NULL;

CREATE TABLE policies (
    id TEXT NOT NULL PRIMARY KEY,
    product_id TEXT NOT NULL REFERENCES products (id),
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    duration_seconds INTEGER NOT NULL CHECK (duration_seconds >= 0),
    grace_seconds INTEGER NOT NULL CHECK (grace_seconds >= 0),
    max_machines INTEGER NOT NULL CHECK (max_machines >= 0),
    is_trial INTEGER NOT NULL CHECK (is_trial IN (0, 1)),
    price_sats_override INTEGER CHECK (price_sats_override >= 0),
    entitlements TEXT NOT NULL CHECK (json_valid(entitlements)),
    metadata TEXT NOT NULL CHECK (json_valid(metadata)),
    tip_recipient TEXT,
    tip_pct_bps INTEGER NOT NULL CHECK (tip_pct_bps BETWEEN 0 AND 10000),
    tip_label TEXT,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    public INTEGER NOT NULL CHECK (public IN (0, 1)),
    is_recurring INTEGER NOT NULL CHECK (is_recurring IN (0, 1)),
    renewal_period_days INTEGER NOT NULL CHECK (renewal_period_days >= is_recurring),
    grace_period_days INTEGER NOT NULL CHECK (grace_period_days >= 0),
    trial_days INTEGER NOT NULL CHECK (trial_days >= 0),
    tier_rank INTEGER CHECK (tier_rank >= 0),
    archived_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (product_id, slug),
    CHECK ((tip_recipient IS NULL) = (tip_pct_bps = 0)),
    CHECK (tip_label IS NULL OR tip_recipient IS NOT NULL)
) STRICT;

CREATE INDEX policies_by_folded_name ON policies (lower(name));

CREATE INDEX policies_by_name ON policies (product_id, name, id);

CREATE INDEX policies_by_slug ON policies (slug);

CREATE TABLE product_days (
    day INTEGER NOT NULL,
    product_id TEXT NOT NULL,
    invoice_count INTEGER NOT NULL,
    amount_sats INTEGER NOT NULL,
    PRIMARY KEY (day, product_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE products (
    id TEXT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    price_currency TEXT NOT NULL CHECK (price_currency IN ('SAT', 'USD', 'EUR')),
    price_value INTEGER NOT NULL CHECK (price_value >= 0),
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    metadata TEXT NOT NULL CHECK (json_valid(metadata)),
    entitlements_catalog TEXT NOT NULL CHECK (json_valid(entitlements_catalog)),
    merchant_profile_id TEXT REFERENCES merchant_profiles (id),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX products_by_folded_name ON products (lower(name));

CREATE INDEX products_by_name ON products (name, id);

CREATE INDEX products_of_profile ON products (merchant_profile_id);

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

CREATE TABLE rate_buckets (
    bucket_kind TEXT NOT NULL,
    bucket_key TEXT NOT NULL,
    units INTEGER NOT NULL CHECK (units >= 0),
    refilled_at INTEGER NOT NULL,
    PRIMARY KEY (bucket_kind, bucket_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX rate_buckets_by_age ON rate_buckets (refilled_at);

CREATE TABLE recurring_prices (
    listed_currency TEXT NOT NULL,
    period_days INTEGER NOT NULL,
    subscription_count INTEGER NOT NULL,
    listed_value INTEGER NOT NULL,
    PRIMARY KEY (listed_currency, period_days)
) STRICT, WITHOUT ROWID;

CREATE TABLE renewal_days (
    day INTEGER NOT NULL,
    listed_currency TEXT NOT NULL,
    subscription_count INTEGER NOT NULL,
    listed_value INTEGER NOT NULL,
    PRIMARY KEY (day, listed_currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE revenue_days (
    day INTEGER NOT NULL PRIMARY KEY,
    invoice_count INTEGER NOT NULL,
    amount_sats INTEGER NOT NULL
) STRICT;

CREATE TABLE row_counts (
    counted TEXT NOT NULL,
    first_key TEXT NOT NULL,
    second_key TEXT NOT NULL,
    third_key TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    PRIMARY KEY (counted, first_key, second_key, third_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE saved_payments (
    invoice_id TEXT NOT NULL PRIMARY KEY REFERENCES invoices (id),
    payment_provider_id TEXT NOT NULL REFERENCES payment_providers (id),
    state TEXT NOT NULL CHECK (state IN ('wanted', 'saved', 'missing')),
    looks INTEGER NOT NULL CHECK (looks >= 0),
    next_at INTEGER CHECK ((next_at IS NOT NULL) = (state = 'wanted')),
    contact_id TEXT CHECK ((contact_id IS NOT NULL) = (state = 'saved')),
    profile_id TEXT CHECK ((profile_id IS NOT NULL) = (state = 'saved')),
    method TEXT,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX saved_payments_due ON saved_payments (next_at) WHERE state = 'wanted';

CREATE INDEX saved_payments_newest ON saved_payments (created_at, invoice_id);

CREATE INDEX saved_payments_of_provider ON saved_payments (payment_provider_id);

CREATE TABLE schema_migrations (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE server_keys (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    algorithm TEXT NOT NULL CHECK (algorithm = 'ed25519'),
    public_key_pem TEXT NOT NULL,
    private_key_pem TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    token_hash TEXT NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    ip TEXT,
    user_agent TEXT
, api_key_id TEXT REFERENCES api_keys (id), master_key_hash TEXT
    CHECK (master_key_hash IS NULL OR api_key_id IS NULL)) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE INDEX sessions_by_key ON sessions (api_key_id);

CREATE TABLE settings (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE subscription_cycles (
    id TEXT NOT NULL PRIMARY KEY,
    subscription_id TEXT NOT NULL REFERENCES subscriptions (id) DEFERRABLE INITIALLY DEFERRED,
    cycle_number INTEGER NOT NULL CHECK (cycle_number >= 1),
    invoice_id TEXT UNIQUE REFERENCES invoices (id) DEFERRABLE INITIALLY DEFERRED,
    cycle_start_at INTEGER NOT NULL,
    cycle_end_at INTEGER NOT NULL,
    settled_at INTEGER,
    superseded_at INTEGER,
    told_at INTEGER,
    created_at INTEGER NOT NULL,
    CHECK (cycle_end_at > cycle_start_at)
) STRICT;

CREATE INDEX subscription_cycles_of_subscription
    ON subscription_cycles (subscription_id, cycle_number, created_at);

CREATE UNIQUE INDEX subscription_cycles_one_each ON subscription_cycles (subscription_id, cycle_number)
    WHERE superseded_at IS NULL;

CREATE UNIQUE INDEX subscription_cycles_one_open ON subscription_cycles (subscription_id)
    WHERE settled_at IS NULL AND superseded_at IS NULL;

CREATE TABLE subscription_days (
    day INTEGER NOT NULL PRIMARY KEY,
    started_count INTEGER NOT NULL,
    ended_count INTEGER NOT NULL
) STRICT;

CREATE TABLE subscriptions (
    id TEXT NOT NULL PRIMARY KEY,
    license_id TEXT NOT NULL UNIQUE REFERENCES licenses (id) DEFERRABLE INITIALLY DEFERRED,
    product_id TEXT NOT NULL REFERENCES products (id),
    policy_id TEXT NOT NULL REFERENCES policies (id),
    status TEXT NOT NULL CHECK (status IN ('active', 'past_due', 'lapsed', 'cancelled')),
    period_days INTEGER NOT NULL CHECK (period_days >= 1),
    grace_period_days INTEGER NOT NULL CHECK (grace_period_days >= 0),
    license_grace_seconds INTEGER NOT NULL CHECK (license_grace_seconds >= 0),
    listed_currency TEXT NOT NULL CHECK (listed_currency IN ('SAT', 'USD', 'EUR')),
    listed_value INTEGER NOT NULL CHECK (listed_value >= 0),
    started_at INTEGER NOT NULL,
    next_renewal_at INTEGER NOT NULL,
    next_action_at INTEGER,
    cancelled_at INTEGER,
    cancellation_reason TEXT,
    last_renewal_attempt_at INTEGER,
    consecutive_failures INTEGER NOT NULL CHECK (consecutive_failures >= 0),
    merchant_profile_id TEXT REFERENCES merchant_profiles (id),
    payment_provider_id TEXT REFERENCES payment_providers (id),
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX subscriptions_by_age ON subscriptions (started_at, id);

CREATE INDEX subscriptions_by_age_of_product ON subscriptions (product_id, started_at, id);

CREATE INDEX subscriptions_by_status ON subscriptions (status, started_at, id);

CREATE INDEX subscriptions_by_status_of_product
    ON subscriptions (product_id, status, started_at, id);

CREATE TRIGGER subscriptions_counted AFTER INSERT ON subscriptions BEGIN
    INSERT INTO row_counts VALUES ('subscriptions', NEW.product_id, NEW.status, '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE INDEX subscriptions_due ON subscriptions (next_action_at) WHERE next_action_at IS NOT NULL;

CREATE INDEX subscriptions_of_policy ON subscriptions (policy_id, status);

CREATE INDEX subscriptions_of_profile ON subscriptions (merchant_profile_id, status);

CREATE INDEX subscriptions_of_provider ON subscriptions (payment_provider_id);

CREATE TRIGGER subscriptions_reckoned AFTER INSERT ON subscriptions BEGIN
    INSERT INTO renewal_days SELECT NEW.next_renewal_at / 86400, NEW.listed_currency, 1, NEW.listed_value
        WHERE NEW.status = 'active'
        ON CONFLICT DO UPDATE SET subscription_count = subscription_count + 1, listed_value = listed_value + NEW.listed_value;
    INSERT INTO recurring_prices SELECT NEW.listed_currency, NEW.period_days, 1, NEW.listed_value
        WHERE NEW.status = 'active'
        ON CONFLICT DO UPDATE SET subscription_count = subscription_count + 1, listed_value = listed_value + NEW.listed_value;
    INSERT INTO subscription_days VALUES (NEW.started_at / 86400, 1, 0)
        ON CONFLICT DO UPDATE SET started_count = started_count + 1;
    INSERT INTO subscription_days SELECT coalesce(NEW.cancelled_at, NEW.next_renewal_at + 86400 * NEW.grace_period_days) / 86400, 0, 1
        WHERE NEW.status IN ('lapsed', 'cancelled')
        ON CONFLICT DO UPDATE SET ended_count = ended_count + 1;
END;

CREATE TRIGGER subscriptions_reckoned_anew AFTER UPDATE OF
    status, period_days, grace_period_days, listed_currency, listed_value, started_at, next_renewal_at, cancelled_at ON subscriptions
WHEN (OLD.status, OLD.period_days, OLD.grace_period_days, OLD.listed_currency, OLD.listed_value, OLD.started_at, OLD.next_renewal_at, OLD.cancelled_at) IS NOT
    (NEW.status, NEW.period_days, NEW.grace_period_days, NEW.listed_currency, NEW.listed_value, NEW.started_at, NEW.next_renewal_at, NEW.cancelled_at) BEGIN
    INSERT INTO renewal_days SELECT OLD.next_renewal_at / 86400, OLD.listed_currency, -1, -OLD.listed_value
        WHERE OLD.status = 'active'
        ON CONFLICT DO UPDATE SET subscription_count = subscription_count - 1, listed_value = listed_value - OLD.listed_value;
    INSERT INTO renewal_days SELECT NEW.next_renewal_at / 86400, NEW.listed_currency, 1, NEW.listed_value
        WHERE NEW.status = 'active'
        ON CONFLICT DO UPDATE SET subscription_count = subscription_count + 1, listed_value = listed_value + NEW.listed_value;
    INSERT INTO recurring_prices SELECT OLD.listed_currency, OLD.period_days, -1, -OLD.listed_value
        WHERE OLD.status = 'active'
        ON CONFLICT DO UPDATE SET subscription_count = subscription_count - 1, listed_value = listed_value - OLD.listed_value;
    INSERT INTO recurring_prices SELECT NEW.listed_currency, NEW.period_days, 1, NEW.listed_value
        WHERE NEW.status = 'active'
        ON CONFLICT DO UPDATE SET subscription_count = subscription_count + 1, listed_value = listed_value + NEW.listed_value;
    INSERT INTO subscription_days VALUES (OLD.started_at / 86400, -1, 0)
        ON CONFLICT DO UPDATE SET started_count = started_count - 1;
    INSERT INTO subscription_days VALUES (NEW.started_at / 86400, 1, 0)
        ON CONFLICT DO UPDATE SET started_count = started_count + 1;
    INSERT INTO subscription_days SELECT coalesce(OLD.cancelled_at, OLD.next_renewal_at + 86400 * OLD.grace_period_days) / 86400, 0, -1
        WHERE OLD.status IN ('lapsed', 'cancelled')
        ON CONFLICT DO UPDATE SET ended_count = ended_count - 1;
    INSERT INTO subscription_days SELECT coalesce(NEW.cancelled_at, NEW.next_renewal_at + 86400 * NEW.grace_period_days) / 86400, 0, 1
        WHERE NEW.status IN ('lapsed', 'cancelled')
        ON CONFLICT DO UPDATE SET ended_count = ended_count + 1;
END;

CREATE TRIGGER subscriptions_reckoned_no_more AFTER DELETE ON subscriptions BEGIN
    INSERT INTO renewal_days SELECT OLD.next_renewal_at / 86400, OLD.listed_currency, -1, -OLD.listed_value
        WHERE OLD.status = 'active'
        ON CONFLICT DO UPDATE SET subscription_count = subscription_count - 1, listed_value = listed_value - OLD.listed_value;
    INSERT INTO recurring_prices SELECT OLD.listed_currency, OLD.period_days, -1, -OLD.listed_value
        WHERE OLD.status = 'active'
        ON CONFLICT DO UPDATE SET subscription_count = subscription_count - 1, listed_value = listed_value - OLD.listed_value;
    INSERT INTO subscription_days VALUES (OLD.started_at / 86400, -1, 0)
        ON CONFLICT DO UPDATE SET started_count = started_count - 1;
    INSERT INTO subscription_days SELECT coalesce(OLD.cancelled_at, OLD.next_renewal_at + 86400 * OLD.grace_period_days) / 86400, 0, -1
        WHERE OLD.status IN ('lapsed', 'cancelled')
        ON CONFLICT DO UPDATE SET ended_count = ended_count - 1;
END;

CREATE TRIGGER subscriptions_recounted AFTER UPDATE OF product_id, status ON subscriptions
WHEN OLD.product_id IS NOT NEW.product_id OR OLD.status IS NOT NEW.status BEGIN
    INSERT INTO row_counts VALUES ('subscriptions', OLD.product_id, OLD.status, '', -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
    INSERT INTO row_counts VALUES ('subscriptions', NEW.product_id, NEW.status, '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE TRIGGER subscriptions_uncounted AFTER DELETE ON subscriptions BEGIN
    INSERT INTO row_counts VALUES ('subscriptions', OLD.product_id, OLD.status, '', -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
END;

CREATE TABLE tier_changes (
    id TEXT NOT NULL PRIMARY KEY,
    license_id TEXT NOT NULL REFERENCES licenses (id),
    from_policy_id TEXT NOT NULL REFERENCES policies (id),
    to_policy_id TEXT NOT NULL REFERENCES policies (id),
    direction TEXT NOT NULL CHECK (direction IN ('upgrade', 'downgrade')),
    listed_currency TEXT NOT NULL CHECK (listed_currency IN ('SAT', 'USD', 'EUR')),
    proration_charge_value INTEGER NOT NULL CHECK (proration_charge_value >= 0),
    invoice_id TEXT UNIQUE REFERENCES invoices (id) DEFERRABLE INITIALLY DEFERRED,
    effective_at INTEGER NOT NULL,
    actor TEXT NOT NULL CHECK (actor IN ('buyer', 'admin')),
    reason TEXT,
    created_at INTEGER NOT NULL,
    applied_at INTEGER,
    withdrawn_at INTEGER
) STRICT;

CREATE INDEX tier_changes_from ON tier_changes (from_policy_id);

CREATE INDEX tier_changes_of_license ON tier_changes (license_id, created_at, id);

CREATE UNIQUE INDEX tier_changes_one_open ON tier_changes (license_id, to_policy_id)
    WHERE applied_at IS NULL AND withdrawn_at IS NULL;

CREATE UNIQUE INDEX tier_changes_one_scheduled ON tier_changes (license_id)
    WHERE invoice_id IS NULL AND applied_at IS NULL AND withdrawn_at IS NULL;

CREATE INDEX tier_changes_to ON tier_changes (to_policy_id);

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

CREATE INDEX tip_attempts_by_age ON tip_attempts (created_at, id);

CREATE INDEX tip_attempts_by_recipient ON tip_attempts (recipient, created_at, id);

CREATE TRIGGER tip_attempts_counted AFTER INSERT ON tip_attempts BEGIN
    INSERT INTO row_counts VALUES ('tip_attempts', NEW.policy_id, '', '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE INDEX tip_attempts_due ON tip_attempts (next_at) WHERE next_at IS NOT NULL;

CREATE INDEX tip_attempts_of_invoice ON tip_attempts (invoice_id);

CREATE INDEX tip_attempts_of_license ON tip_attempts (license_id, created_at, id);

CREATE INDEX tip_attempts_of_policy ON tip_attempts (policy_id, created_at, id);

CREATE UNIQUE INDEX tip_attempts_one_per_license ON tip_attempts (license_id)
    WHERE status <> 'skipped';

CREATE TRIGGER tip_attempts_recounted AFTER UPDATE OF policy_id ON tip_attempts
WHEN OLD.policy_id IS NOT NEW.policy_id BEGIN
    INSERT INTO row_counts VALUES ('tip_attempts', OLD.policy_id, '', '', -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
    INSERT INTO row_counts VALUES ('tip_attempts', NEW.policy_id, '', '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE INDEX tip_attempts_spent ON tip_attempts (tried_at, amount_sats)
    WHERE status IN ('paying', 'sent');

CREATE TRIGGER tip_attempts_uncounted AFTER DELETE ON tip_attempts BEGIN
    INSERT INTO row_counts VALUES ('tip_attempts', OLD.policy_id, '', '', -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
END;

CREATE TABLE webhook_deliveries (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoints (id),
    event_id TEXT NOT NULL REFERENCES outbox (id),
    status TEXT NOT NULL CHECK (status IN ('queued', 'delivered', 'dead')),
    attempts INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND 10),
    next_attempt_at INTEGER,
    last_status_code INTEGER,
    last_error TEXT,
    delivered_at INTEGER,
    created_at INTEGER NOT NULL,
    CHECK ((status = 'queued') = (next_attempt_at IS NOT NULL)),
    CHECK ((status = 'delivered') = (delivered_at IS NOT NULL))
) STRICT;

CREATE INDEX webhook_deliveries_by_age_of_endpoint ON webhook_deliveries (endpoint_id, sequence);

CREATE INDEX webhook_deliveries_by_status ON webhook_deliveries (status, sequence);

CREATE TRIGGER webhook_deliveries_counted AFTER INSERT ON webhook_deliveries BEGIN
    INSERT INTO row_counts VALUES ('webhook_deliveries', NEW.endpoint_id, NEW.status, '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (endpoint_id, created_at)
    WHERE status = 'dead';

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at)
    WHERE status = 'queued';

CREATE INDEX webhook_deliveries_fresh ON webhook_deliveries (endpoint_id, created_at)
    WHERE status = 'queued';

CREATE INDEX webhook_deliveries_of_endpoint ON webhook_deliveries (endpoint_id, status, sequence);

CREATE INDEX webhook_deliveries_of_event ON webhook_deliveries (event_id, endpoint_id);

CREATE TRIGGER webhook_deliveries_recounted AFTER UPDATE OF endpoint_id, status ON webhook_deliveries
WHEN OLD.endpoint_id IS NOT NEW.endpoint_id OR OLD.status IS NOT NEW.status BEGIN
    INSERT INTO row_counts VALUES ('webhook_deliveries', OLD.endpoint_id, OLD.status, '', -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
    INSERT INTO row_counts VALUES ('webhook_deliveries', NEW.endpoint_id, NEW.status, '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;

CREATE TRIGGER webhook_deliveries_uncounted AFTER DELETE ON webhook_deliveries BEGIN
    INSERT INTO row_counts VALUES ('webhook_deliveries', OLD.endpoint_id, OLD.status, '', -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
END;

CREATE TABLE webhook_endpoints (
    id TEXT NOT NULL PRIMARY KEY,
    url TEXT NOT NULL,
    secret TEXT NOT NULL CHECK (secret <> ''),
    event_types TEXT NOT NULL CHECK (json_valid(event_types)),
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
, previous_secret TEXT CHECK (previous_secret <> ''), previous_secret_until INTEGER
    CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL))) STRICT;

CREATE INDEX webhook_endpoints_by_age ON webhook_endpoints (created_at, id) WHERE deleted_at IS NULL;

CREATE TABLE webhook_receipts (
    id TEXT NOT NULL PRIMARY KEY,
    payment_provider_id TEXT NOT NULL REFERENCES payment_providers (id),
    type TEXT NOT NULL,
    provider_invoice_id TEXT,
    invoice_id TEXT REFERENCES invoices (id) DEFERRABLE INITIALLY DEFERRED,
    delivery_id TEXT,
    outcome TEXT NOT NULL CHECK (outcome IN ('noted', 'unmatched', 'done', 'ignored')),
    received_at INTEGER NOT NULL
, original_delivery_id TEXT, claim TEXT, looks INTEGER NOT NULL DEFAULT 0 CHECK (looks >= 0), next_look_at INTEGER) STRICT;

CREATE INDEX webhook_receipts_by_age ON webhook_receipts (received_at);

CREATE INDEX webhook_receipts_noted ON webhook_receipts (coalesce(next_look_at, received_at))
    WHERE outcome = 'noted';

CREATE INDEX webhook_receipts_of_invoice ON webhook_receipts (invoice_id);

CREATE INDEX webhook_receipts_of_provider ON webhook_receipts (payment_provider_id);

CREATE INDEX webhook_receipts_unmatched
    ON webhook_receipts (payment_provider_id, provider_invoice_id, received_at)
    WHERE outcome = 'unmatched';

CREATE TABLE webhook_troubles (
    payment_provider_id TEXT NOT NULL PRIMARY KEY REFERENCES payment_providers (id),
    problem TEXT NOT NULL
        CHECK (problem IN ('switched_off', 'elsewhere', 'refused', 'undelivered', 'outdated')),
    detail TEXT,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
