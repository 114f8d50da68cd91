-- The database of the earlier server as its 25 migrations leave it (admin-api 3). Booleans are 0 or
-- 1, times are text, and no foreign key has an action.
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);

CREATE TABLE merchant_profiles (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    legal_name TEXT,
    support_url TEXT,
    support_email TEXT,
    brand_color TEXT,
    post_purchase_redirect_url TEXT,
    is_default INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),
    smtp_host TEXT,
    smtp_port INTEGER,
    smtp_username TEXT,
    smtp_password TEXT,
    smtp_from_address TEXT,
    smtp_from_name TEXT,
    smtp_use_starttls INTEGER NOT NULL DEFAULT 1 CHECK (smtp_use_starttls IN (0, 1)),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX idx_merchant_profiles_default ON merchant_profiles (is_default) WHERE is_default = 1;

CREATE TABLE payment_providers (
    id TEXT PRIMARY KEY,
    merchant_profile_id TEXT NOT NULL REFERENCES merchant_profiles (id),
    kind TEXT NOT NULL CHECK (kind IN ('btcpay', 'zaprite')),
    label TEXT NOT NULL,
    api_key TEXT NOT NULL,
    base_url TEXT NOT NULL,
    webhook_id TEXT,
    webhook_secret TEXT,
    store_id TEXT,
    connected_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (merchant_profile_id, kind)
);

CREATE TABLE merchant_profile_rail_preferences (
    merchant_profile_id TEXT NOT NULL REFERENCES merchant_profiles (id),
    rail TEXT NOT NULL CHECK (rail IN ('lightning', 'onchain', 'card')),
    payment_provider_id TEXT NOT NULL REFERENCES payment_providers (id),
    PRIMARY KEY (merchant_profile_id, rail)
);

CREATE TABLE btcpay_authorize_state (
    state_token TEXT PRIMARY KEY,
    created_at TEXT NOT NULL,
    merchant_profile_id TEXT REFERENCES merchant_profiles (id),
    scoped_initiator INTEGER NOT NULL DEFAULT 0,
    initiator_actor_hash TEXT
);
CREATE INDEX idx_btcpay_authorize_state_created ON btcpay_authorize_state (created_at);

CREATE TABLE products (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    price_sats INTEGER NOT NULL,
    active INTEGER NOT NULL DEFAULT 1,
    metadata_json TEXT NOT NULL DEFAULT '{}',
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    price_currency TEXT NOT NULL DEFAULT 'SAT',
    price_value INTEGER NOT NULL DEFAULT 0,
    entitlements_catalog_json TEXT,
    merchant_profile_id TEXT REFERENCES merchant_profiles (id)
);
CREATE INDEX idx_products_active ON products (active);
CREATE INDEX idx_products_price_currency ON products (price_currency);
CREATE INDEX idx_products_merchant_profile ON products (merchant_profile_id);

CREATE TABLE policies (
    id TEXT PRIMARY KEY,
    product_id TEXT NOT NULL REFERENCES products (id),
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    duration_seconds INTEGER NOT NULL DEFAULT 0,
    grace_seconds INTEGER NOT NULL DEFAULT 0,
    max_machines INTEGER NOT NULL DEFAULT 1,
    is_trial INTEGER NOT NULL DEFAULT 0,
    price_sats_override INTEGER,
    entitlements_json TEXT NOT NULL DEFAULT '[]',
    metadata_json TEXT NOT NULL DEFAULT '{}',
    active INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    tip_recipient TEXT,
    tip_pct_bps INTEGER NOT NULL DEFAULT 0,
    tip_label TEXT,
    public INTEGER NOT NULL DEFAULT 1,
    price_currency_override TEXT,
    price_value_override INTEGER,
    is_recurring INTEGER NOT NULL DEFAULT 0,
    renewal_period_days INTEGER,
    grace_period_days INTEGER NOT NULL DEFAULT 7,
    trial_days INTEGER NOT NULL DEFAULT 0,
    tier_rank INTEGER,
    archived_at TEXT,
    UNIQUE (product_id, slug)
);
CREATE INDEX idx_policies_product ON policies (product_id);
CREATE INDEX idx_policies_active ON policies (active);
CREATE INDEX idx_policies_public ON policies (public);
CREATE INDEX idx_policies_recurring ON policies (is_recurring);
CREATE INDEX idx_policies_tier_rank ON policies (product_id, tier_rank);
CREATE INDEX idx_policies_archived ON policies (archived_at);

CREATE TABLE invoices (
    id TEXT PRIMARY KEY,
    btcpay_invoice_id TEXT NOT NULL UNIQUE,
    product_id TEXT NOT NULL REFERENCES products (id),
    status TEXT NOT NULL,
    buyer_email TEXT,
    buyer_note TEXT,
    amount_sats INTEGER NOT NULL,
    checkout_url TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    policy_id TEXT REFERENCES policies (id),
    listed_currency TEXT,
    listed_value INTEGER,
    exchange_rate_centibps INTEGER,
    exchange_rate_source TEXT,
    payment_provider_id TEXT REFERENCES payment_providers (id)
);
CREATE INDEX idx_invoices_btcpay ON invoices (btcpay_invoice_id);
CREATE INDEX idx_invoices_status ON invoices (status);
CREATE INDEX idx_invoices_payment_provider ON invoices (payment_provider_id);

CREATE TABLE licenses (
    id TEXT PRIMARY KEY,
    product_id TEXT NOT NULL REFERENCES products (id),
    invoice_id TEXT UNIQUE REFERENCES invoices (id),
    status TEXT NOT NULL,
    fingerprint TEXT,
    bound_identity TEXT,
    issued_at TEXT NOT NULL,
    revoked_at TEXT,
    revocation_reason TEXT,
    metadata_json TEXT NOT NULL DEFAULT '{}',
    policy_id TEXT REFERENCES policies (id),
    expires_at TEXT,
    grace_seconds INTEGER NOT NULL DEFAULT 0,
    max_machines INTEGER NOT NULL DEFAULT 1,
    suspended_at TEXT,
    suspension_reason TEXT,
    entitlements_json TEXT NOT NULL DEFAULT '[]',
    is_trial INTEGER NOT NULL DEFAULT 0,
    nostr_npub TEXT,
    buyer_email TEXT
);
CREATE INDEX idx_licenses_product ON licenses (product_id);
CREATE INDEX idx_licenses_status ON licenses (status);
CREATE INDEX idx_licenses_policy ON licenses (policy_id);
CREATE INDEX idx_licenses_expires ON licenses (expires_at);
CREATE INDEX idx_licenses_buyer_email ON licenses (buyer_email);
CREATE INDEX idx_licenses_nostr_npub ON licenses (nostr_npub);

CREATE TABLE machines (
    id TEXT PRIMARY KEY,
    license_id TEXT NOT NULL REFERENCES licenses (id),
    fingerprint TEXT NOT NULL,
    fingerprint_hash TEXT NOT NULL,
    hostname TEXT,
    platform TEXT,
    ip_last_seen TEXT,
    activated_at TEXT NOT NULL,
    last_heartbeat_at TEXT,
    deactivated_at TEXT,
    deactivation_reason TEXT
);
CREATE UNIQUE INDEX idx_machines_live ON machines (license_id, fingerprint_hash)
    WHERE deactivated_at IS NULL;
CREATE INDEX idx_machines_license ON machines (license_id);
CREATE INDEX idx_machines_heartbeat ON machines (last_heartbeat_at);

CREATE TABLE discount_codes (
    id TEXT PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('percent', 'fixed_sats', 'set_price', 'free_license')),
    amount INTEGER NOT NULL CHECK (amount >= 0),
    max_uses INTEGER,
    used_count INTEGER NOT NULL DEFAULT 0 CHECK (used_count >= 0),
    expires_at TEXT,
    applies_to_product_id TEXT REFERENCES products (id),
    applies_to_policy_id TEXT REFERENCES policies (id),
    referrer_label TEXT,
    description TEXT NOT NULL DEFAULT '',
    active INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    discount_currency TEXT NOT NULL DEFAULT 'SAT',
    featured INTEGER NOT NULL DEFAULT 0,
    applies_to_policy_ids_json TEXT
);
CREATE INDEX idx_discount_codes_active ON discount_codes (active);
CREATE INDEX idx_discount_codes_product ON discount_codes (applies_to_product_id);
CREATE INDEX idx_discount_codes_policy ON discount_codes (applies_to_policy_id);
CREATE INDEX idx_discount_codes_expires ON discount_codes (expires_at);
CREATE INDEX idx_discount_codes_featured
    ON discount_codes (applies_to_policy_id, applies_to_product_id, featured)
    WHERE featured = 1 AND active = 1;

CREATE TABLE discount_redemptions (
    id TEXT PRIMARY KEY,
    code_id TEXT NOT NULL REFERENCES discount_codes (id),
    invoice_id TEXT NOT NULL UNIQUE REFERENCES invoices (id),
    license_id TEXT REFERENCES licenses (id),
    status TEXT NOT NULL CHECK (status IN ('pending', 'redeemed', 'cancelled')),
    discount_applied_sats INTEGER NOT NULL,
    base_price_sats INTEGER NOT NULL,
    final_price_sats INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE INDEX idx_discount_redemptions_code ON discount_redemptions (code_id);
CREATE INDEX idx_discount_redemptions_invoice ON discount_redemptions (invoice_id);
CREATE INDEX idx_discount_redemptions_license ON discount_redemptions (license_id);
CREATE INDEX idx_discount_redemptions_status ON discount_redemptions (status);

CREATE TABLE subscriptions (
    id TEXT PRIMARY KEY,
    license_id TEXT NOT NULL UNIQUE REFERENCES licenses (id),
    policy_id TEXT NOT NULL REFERENCES policies (id),
    product_id TEXT NOT NULL REFERENCES products (id),
    period_days INTEGER NOT NULL CHECK (period_days > 0),
    listed_currency TEXT NOT NULL,
    listed_value INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'past_due', 'cancelled', 'lapsed')),
    started_at TEXT NOT NULL,
    next_renewal_at TEXT,
    cancelled_at TEXT,
    cancellation_reason TEXT,
    last_renewal_attempt_at TEXT,
    consecutive_failures INTEGER NOT NULL DEFAULT 0 CHECK (consecutive_failures >= 0),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    zaprite_contact_id TEXT,
    zaprite_payment_profile_id TEXT,
    zaprite_payment_profile_method TEXT,
    zaprite_payment_profile_expires_at TEXT,
    merchant_profile_id TEXT REFERENCES merchant_profiles (id),
    payment_provider_id TEXT REFERENCES payment_providers (id)
);
CREATE INDEX idx_subscriptions_due ON subscriptions (next_renewal_at)
    WHERE status IN ('active', 'past_due');
CREATE INDEX idx_subscriptions_status ON subscriptions (status);
CREATE INDEX idx_subscriptions_license ON subscriptions (license_id);
CREATE INDEX idx_subscriptions_policy ON subscriptions (policy_id);
CREATE INDEX idx_subscriptions_merchant_profile ON subscriptions (merchant_profile_id);
CREATE INDEX idx_subscriptions_payment_provider ON subscriptions (payment_provider_id);
CREATE INDEX idx_subscriptions_zaprite_profile ON subscriptions (zaprite_payment_profile_id)
    WHERE zaprite_payment_profile_id IS NOT NULL;

CREATE TABLE subscription_invoices (
    id TEXT PRIMARY KEY,
    subscription_id TEXT NOT NULL REFERENCES subscriptions (id),
    invoice_id TEXT NOT NULL REFERENCES invoices (id),
    cycle_number INTEGER NOT NULL CHECK (cycle_number >= 1),
    cycle_start_at TEXT NOT NULL,
    cycle_end_at TEXT NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE (subscription_id, cycle_number)
);
CREATE INDEX idx_subscription_invoices_subscription ON subscription_invoices (subscription_id);
CREATE INDEX idx_subscription_invoices_invoice ON subscription_invoices (invoice_id);

CREATE TABLE tier_changes (
    id TEXT PRIMARY KEY,
    license_id TEXT NOT NULL REFERENCES licenses (id),
    from_policy_id TEXT NOT NULL REFERENCES policies (id),
    to_policy_id TEXT NOT NULL REFERENCES policies (id),
    direction TEXT NOT NULL CHECK (direction IN ('upgrade', 'downgrade')),
    listed_currency TEXT NOT NULL,
    proration_charge_value INTEGER NOT NULL DEFAULT 0 CHECK (proration_charge_value >= 0),
    invoice_id TEXT REFERENCES invoices (id),
    effective_at TEXT NOT NULL,
    actor TEXT NOT NULL CHECK (actor IN ('buyer', 'admin')),
    reason TEXT,
    created_at TEXT NOT NULL
);
CREATE INDEX idx_tier_changes_license ON tier_changes (license_id, created_at);
CREATE INDEX idx_tier_changes_created ON tier_changes (created_at);
CREATE INDEX idx_tier_changes_invoice ON tier_changes (invoice_id) WHERE invoice_id IS NOT NULL;

CREATE TABLE webhook_endpoints (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    event_types TEXT NOT NULL DEFAULT '["*"]',
    active INTEGER NOT NULL DEFAULT 1,
    description TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE webhook_deliveries (
    id TEXT PRIMARY KEY,
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoints (id),
    event_type TEXT NOT NULL,
    payload_json TEXT NOT NULL,
    attempt_count INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT,
    last_status_code INTEGER,
    last_error TEXT,
    delivered_at TEXT,
    created_at TEXT NOT NULL
);
CREATE INDEX idx_webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id);
CREATE INDEX idx_webhook_deliveries_due ON webhook_deliveries (next_attempt_at)
    WHERE delivered_at IS NULL;

CREATE TABLE tip_attempts (
    id TEXT PRIMARY KEY,
    license_id TEXT NOT NULL REFERENCES licenses (id),
    policy_id TEXT NOT NULL REFERENCES policies (id),
    recipient TEXT NOT NULL,
    amount_sats INTEGER NOT NULL,
    pct_bps INTEGER NOT NULL,
    label TEXT,
    status TEXT NOT NULL,
    detail TEXT,
    payment_hash TEXT,
    created_at TEXT NOT NULL
);
CREATE INDEX idx_tip_attempts_license ON tip_attempts (license_id);
CREATE INDEX idx_tip_attempts_recipient ON tip_attempts (recipient);
CREATE INDEX idx_tip_attempts_created ON tip_attempts (created_at);

CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    actor_kind TEXT NOT NULL,
    actor_hash TEXT,
    action TEXT NOT NULL,
    target_kind TEXT,
    target_id TEXT,
    request_ip TEXT,
    user_agent TEXT,
    details_json TEXT NOT NULL DEFAULT '{}',
    occurred_at TEXT NOT NULL
);
CREATE INDEX idx_audit_log_occurred ON audit_log (occurred_at);
CREATE INDEX idx_audit_log_target ON audit_log (target_kind, target_id);
CREATE INDEX idx_audit_log_action ON audit_log (action);

CREATE TABLE validation_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    license_id TEXT,
    product_id TEXT,
    fingerprint TEXT,
    result TEXT NOT NULL,
    client_ip TEXT,
    user_agent TEXT,
    occurred_at TEXT NOT NULL,
    machine_id TEXT,
    reason_detail TEXT
);
CREATE INDEX idx_validation_log_license ON validation_log (license_id);
CREATE INDEX idx_validation_log_occurred ON validation_log (occurred_at);

CREATE TABLE scoped_api_keys (
    id TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('read-only', 'license-issuer', 'support', 'merchant-onboard',
        'full-admin')),
    created_at TEXT NOT NULL,
    last_used_at TEXT,
    revoked_at TEXT,
    extra_scopes TEXT
);

CREATE TABLE sessions (
    token TEXT PRIMARY KEY,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    ip TEXT,
    user_agent TEXT
);
CREATE INDEX idx_sessions_expires ON sessions (expires_at);

CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT,
    updated_at TEXT NOT NULL
);

CREATE TABLE rate_buckets (
    bucket_kind TEXT NOT NULL,
    bucket_key TEXT NOT NULL,
    tokens_remaining REAL NOT NULL,
    capacity REAL NOT NULL,
    refill_per_second REAL NOT NULL,
    last_refill_at TEXT NOT NULL,
    PRIMARY KEY (bucket_kind, bucket_key)
);

CREATE TABLE server_keys (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    algorithm TEXT NOT NULL,
    public_key_pem TEXT NOT NULL,
    private_key_pem TEXT NOT NULL,
    created_at TEXT NOT NULL
);
