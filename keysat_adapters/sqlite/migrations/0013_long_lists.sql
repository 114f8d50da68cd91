-- Reading a lot: every filter of a list has an index in the order the list is shown in, and what is
-- counted or added up over whole tables is kept beside them by triggers, in the transaction of the
-- change. The columns that audit seals cover stay as they are.

-- How many rows a list has, by the values it is most often filtered by; '' where there is none.
-- A count never stops a sale, so nothing is checked here.
CREATE TABLE row_counts (
    counted TEXT NOT NULL,
    first_key TEXT NOT NULL,
    second_key TEXT NOT NULL,
    third_key TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    PRIMARY KEY (counted, first_key, second_key, third_key)
) STRICT, WITHOUT ROWID;

-- What was earned on each day (UTC, in days since 1970), without invoices of nothing.
CREATE TABLE revenue_days (
    day INTEGER NOT NULL PRIMARY KEY,
    invoice_count INTEGER NOT NULL,
    amount_sats INTEGER NOT NULL
) STRICT;

-- What each code brought on each day, and in each 32 days from 1970 on, so that years are few rows.
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

-- Which ids the audit rows of each day have, so that a time is looked up among them alone.
CREATE TABLE audit_days (
    day INTEGER NOT NULL PRIMARY KEY,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    row_count INTEGER NOT NULL
) STRICT;

-- A machine's product is that of its license, written down so that an index can begin with it.
ALTER TABLE machines ADD COLUMN product_id TEXT;
UPDATE machines SET product_id = (SELECT product_id FROM licenses WHERE id = machines.license_id);

-- Licenses by product, tier and status.
CREATE TRIGGER licenses_counted AFTER INSERT ON licenses BEGIN
    INSERT INTO row_counts VALUES ('licenses', NEW.product_id, coalesce(NEW.policy_id, ''), NEW.status, 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;
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
INSERT INTO row_counts SELECT 'licenses', product_id, coalesce(policy_id, ''), status, count(*) FROM licenses GROUP BY 2, 3, 4;

-- Invoices by product, account and status.
CREATE TRIGGER invoices_counted AFTER INSERT ON invoices BEGIN
    INSERT INTO row_counts VALUES ('invoices', NEW.product_id, coalesce(NEW.payment_provider_id, ''), NEW.status, 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;
CREATE TRIGGER invoices_recounted AFTER UPDATE OF product_id, payment_provider_id, status ON invoices
WHEN OLD.product_id IS NOT NEW.product_id OR OLD.payment_provider_id IS NOT NEW.payment_provider_id OR OLD.status IS NOT NEW.status BEGIN
    INSERT INTO row_counts VALUES ('invoices', OLD.product_id, coalesce(OLD.payment_provider_id, ''), OLD.status, -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
    INSERT INTO row_counts VALUES ('invoices', NEW.product_id, coalesce(NEW.payment_provider_id, ''), NEW.status, 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;
CREATE TRIGGER invoices_uncounted AFTER DELETE ON invoices BEGIN
    INSERT INTO row_counts VALUES ('invoices', OLD.product_id, coalesce(OLD.payment_provider_id, ''), OLD.status, -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
END;
INSERT INTO row_counts SELECT 'invoices', product_id, coalesce(payment_provider_id, ''), status, count(*) FROM invoices GROUP BY 2, 3, 4;

-- Machines by product, and whether they hold a seat.
CREATE TRIGGER machines_counted AFTER INSERT ON machines BEGIN
    UPDATE machines SET product_id = (SELECT product_id FROM licenses WHERE id = NEW.license_id)
        WHERE id = NEW.id;
    INSERT INTO row_counts VALUES ('machines', coalesce((SELECT product_id FROM licenses WHERE id = NEW.license_id), ''), iif(NEW.deactivated_at IS NULL, 'live', 'gone'), '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;
CREATE TRIGGER machines_recounted AFTER UPDATE OF deactivated_at ON machines
WHEN (OLD.deactivated_at IS NULL) <> (NEW.deactivated_at IS NULL) BEGIN
    INSERT INTO row_counts VALUES ('machines', coalesce(OLD.product_id, ''), iif(OLD.deactivated_at IS NULL, 'live', 'gone'), '', -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
    INSERT INTO row_counts VALUES ('machines', coalesce(NEW.product_id, ''), iif(NEW.deactivated_at IS NULL, 'live', 'gone'), '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;
CREATE TRIGGER machines_uncounted AFTER DELETE ON machines BEGIN
    INSERT INTO row_counts VALUES ('machines', coalesce(OLD.product_id, ''), iif(OLD.deactivated_at IS NULL, 'live', 'gone'), '', -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
END;
INSERT INTO row_counts SELECT 'machines', coalesce(product_id, ''),
    iif(deactivated_at IS NULL, 'live', 'gone'), '', count(*) FROM machines GROUP BY 2, 3;

-- Subscriptions by product and status.
CREATE TRIGGER subscriptions_counted AFTER INSERT ON subscriptions BEGIN
    INSERT INTO row_counts VALUES ('subscriptions', NEW.product_id, NEW.status, '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
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
INSERT INTO row_counts SELECT 'subscriptions', product_id, status, '', count(*) FROM subscriptions GROUP BY 2, 3, 4;

-- Deliveries by endpoint and status.
CREATE TRIGGER webhook_deliveries_counted AFTER INSERT ON webhook_deliveries BEGIN
    INSERT INTO row_counts VALUES ('webhook_deliveries', NEW.endpoint_id, NEW.status, '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;
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
INSERT INTO row_counts SELECT 'webhook_deliveries', endpoint_id, status, '', count(*) FROM webhook_deliveries GROUP BY 2, 3, 4;

-- Tips by their recipient's policy.
CREATE TRIGGER tip_attempts_counted AFTER INSERT ON tip_attempts BEGIN
    INSERT INTO row_counts VALUES ('tip_attempts', NEW.policy_id, '', '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;
CREATE TRIGGER tip_attempts_recounted AFTER UPDATE OF policy_id ON tip_attempts
WHEN OLD.policy_id IS NOT NEW.policy_id BEGIN
    INSERT INTO row_counts VALUES ('tip_attempts', OLD.policy_id, '', '', -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
    INSERT INTO row_counts VALUES ('tip_attempts', NEW.policy_id, '', '', 1)
        ON CONFLICT DO UPDATE SET row_count = row_count + 1;
END;
CREATE TRIGGER tip_attempts_uncounted AFTER DELETE ON tip_attempts BEGIN
    INSERT INTO row_counts VALUES ('tip_attempts', OLD.policy_id, '', '', -1)
        ON CONFLICT DO UPDATE SET row_count = row_count - 1;
END;
INSERT INTO row_counts SELECT 'tip_attempts', policy_id, '', '', count(*) FROM tip_attempts GROUP BY 2, 3, 4;

-- Audit rows by who, what and of what kind. They are only ever added.
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
INSERT INTO row_counts SELECT 'audit_log', actor_kind, action, coalesce(target_kind, ''), count(*) FROM audit_log GROUP BY 2, 3, 4;

INSERT INTO audit_days SELECT occurred_at / 86400, min(id), max(id), count(*) FROM audit_log GROUP BY 1;

-- Revenue by day.
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
CREATE TRIGGER invoices_unearned AFTER DELETE ON invoices WHEN OLD.status = 'settled' BEGIN
    INSERT INTO revenue_days
        SELECT coalesce(OLD.settled_at, 0) / 86400, -1, -OLD.amount_sats
        WHERE OLD.status = 'settled' AND OLD.amount_sats > 0
        ON CONFLICT DO UPDATE SET invoice_count = invoice_count - 1,
            amount_sats = amount_sats - OLD.amount_sats;
END;
INSERT INTO revenue_days SELECT coalesce(settled_at, 0) / 86400, count(*), sum(amount_sats)
    FROM invoices WHERE status = 'settled' AND amount_sats > 0 GROUP BY 1;

-- Uses of codes by time.
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
INSERT INTO code_spans SELECT value, updated_at / (86400 * value), code_id, count(*),
    sum(final_price_sats > 0), sum(discount_applied_sats), sum(final_price_sats)
    FROM code_redemptions, (SELECT 1 AS value UNION ALL SELECT 32)
    WHERE status = 'redeemed' GROUP BY 1, 2, 3;

-- One index per filter, in the order of its list.
-- Few licenses are not active, so those are found among many that are without an index of all.
CREATE INDEX licenses_not_active_of_product ON licenses (product_id, status, issued_at, id)
    WHERE status <> 'active';
CREATE INDEX licenses_not_active_of_policy ON licenses (policy_id, status, issued_at, id)
    WHERE status <> 'active';

-- Ending with what tells the live from those that are gone, so that both are listed from the index.
DROP INDEX machines_by_heartbeat;
CREATE INDEX machines_by_heartbeat ON machines (last_heartbeat_at, id, deactivated_at);
CREATE INDEX machines_of_product ON machines (product_id, last_heartbeat_at, id, deactivated_at);

DROP INDEX invoices_of_product;
CREATE INDEX invoices_by_status_of_product ON invoices (product_id, status, created_at, id);
CREATE INDEX invoices_by_status_of_provider ON invoices (payment_provider_id, status, created_at, id);

DROP INDEX subscriptions_of_product;
CREATE INDEX subscriptions_by_age_of_product ON subscriptions (product_id, started_at, id);
CREATE INDEX subscriptions_by_status_of_product
    ON subscriptions (product_id, status, started_at, id);

CREATE INDEX discount_codes_active ON discount_codes (created_at, id) WHERE active = 1;
CREATE INDEX code_redemptions_redeemed
    ON code_redemptions (updated_at, code_id, final_price_sats, discount_applied_sats)
    WHERE status = 'redeemed';

CREATE INDEX webhook_deliveries_by_age_of_endpoint ON webhook_deliveries (endpoint_id, sequence);
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (endpoint_id, created_at)
    WHERE status = 'dead';

-- Each ends with the id, which is the order of the audit log.
DROP INDEX audit_log_by_target;
CREATE INDEX audit_log_by_actor_kind ON audit_log (actor_kind);
CREATE INDEX audit_log_by_actor ON audit_log (actor_hash) WHERE actor_hash IS NOT NULL;
-- A damaged row must not keep its index from being made or the row from being repaired.
CREATE INDEX audit_log_by_actor_id
    ON audit_log (CASE WHEN json_valid(details) THEN details ->> 'actor_id' END)
    WHERE CASE WHEN json_valid(details) THEN details ->> 'actor_id' END IS NOT NULL;
CREATE INDEX audit_log_by_target_kind ON audit_log (target_kind) WHERE target_kind IS NOT NULL;
CREATE INDEX audit_log_by_target ON audit_log (target_id) WHERE target_id IS NOT NULL;
CREATE INDEX audit_log_by_request ON audit_log (request_id) WHERE request_id IS NOT NULL;
