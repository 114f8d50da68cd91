-- The commerce around a license: discount codes and who used them, subscriptions with their cycles,
-- and changes of tier.
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
CREATE INDEX discount_codes_by_age ON discount_codes (created_at, id);
CREATE INDEX discount_codes_of_product ON discount_codes (applies_to_product_id);
CREATE INDEX discount_codes_featured ON discount_codes (created_at, id)
    WHERE featured = 1 AND active = 1;

-- One use of a code. A pending one holds a slot of used_count; at most one for each invoice.
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
CREATE INDEX code_redemptions_of_code ON code_redemptions (code_id, created_at, id);
CREATE INDEX code_redemptions_of_license ON code_redemptions (license_id);
CREATE INDEX code_redemptions_pending ON code_redemptions (created_at) WHERE status = 'pending';

-- One per license, also after it ended. next_action_at is when a worker has to look at it; NULL: never.
-- license_grace_seconds is the grace its license has by itself, without a subscription.
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
CREATE INDEX subscriptions_by_status ON subscriptions (status, started_at, id);
CREATE INDEX subscriptions_of_product ON subscriptions (product_id);
CREATE INDEX subscriptions_of_policy ON subscriptions (policy_id, status);
CREATE INDEX subscriptions_of_profile ON subscriptions (merchant_profile_id);
CREATE INDEX subscriptions_of_provider ON subscriptions (payment_provider_id);
CREATE INDEX subscriptions_due ON subscriptions (next_action_at) WHERE next_action_at IS NOT NULL;

-- The cycles of a subscription. A cycle without an invoice costs nothing. An invoice that ended unpaid
-- is superseded by another one for the same cycle; at most one cycle is open at a time.
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
CREATE UNIQUE INDEX subscription_cycles_one_each ON subscription_cycles (subscription_id, cycle_number)
    WHERE superseded_at IS NULL;
CREATE UNIQUE INDEX subscription_cycles_one_open ON subscription_cycles (subscription_id)
    WHERE settled_at IS NULL AND superseded_at IS NULL;
CREATE INDEX subscription_cycles_of_subscription
    ON subscription_cycles (subscription_id, cycle_number, created_at);

-- Changes of a license's tier: applied, waiting for their invoice or their day, or withdrawn.
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
CREATE UNIQUE INDEX tier_changes_one_open ON tier_changes (license_id, to_policy_id)
    WHERE applied_at IS NULL AND withdrawn_at IS NULL;
CREATE UNIQUE INDEX tier_changes_one_scheduled ON tier_changes (license_id)
    WHERE invoice_id IS NULL AND applied_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX tier_changes_of_license ON tier_changes (license_id, created_at, id);
CREATE INDEX tier_changes_from ON tier_changes (from_policy_id);
CREATE INDEX tier_changes_to ON tier_changes (to_policy_id);
