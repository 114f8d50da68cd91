-- The figures an operator looks at every day, kept by triggers as those of 0013 are, and the indexes that
-- a search by the beginning of a word needs. Days are those of UTC, counted from 1970.

-- What each product earned on each day, without invoices of nothing.
CREATE TABLE product_days (
    day INTEGER NOT NULL,
    product_id TEXT NOT NULL,
    invoice_count INTEGER NOT NULL,
    amount_sats INTEGER NOT NULL,
    PRIMARY KEY (day, product_id)
) STRICT, WITHOUT ROWID;

-- How many more licenses were active at the end of a day than at its beginning, as licenses are now: one
-- that was suspended and reinstated counts as active all along.
CREATE TABLE license_days (
    day INTEGER NOT NULL PRIMARY KEY,
    issued_count INTEGER NOT NULL,
    ended_count INTEGER NOT NULL
) STRICT;

-- Active subscriptions by the day they fall due, with the sum of what is then asked for.
CREATE TABLE renewal_days (
    day INTEGER NOT NULL,
    listed_currency TEXT NOT NULL,
    subscription_count INTEGER NOT NULL,
    listed_value INTEGER NOT NULL,
    PRIMARY KEY (day, listed_currency)
) STRICT, WITHOUT ROWID;

-- Active subscriptions by the length of their cycle, with the sum of the prices of one cycle.
CREATE TABLE recurring_prices (
    listed_currency TEXT NOT NULL,
    period_days INTEGER NOT NULL,
    subscription_count INTEGER NOT NULL,
    listed_value INTEGER NOT NULL,
    PRIMARY KEY (listed_currency, period_days)
) STRICT, WITHOUT ROWID;

-- How many subscriptions began on each day, and how many lapsed or were cancelled.
CREATE TABLE subscription_days (
    day INTEGER NOT NULL PRIMARY KEY,
    started_count INTEGER NOT NULL,
    ended_count INTEGER NOT NULL
) STRICT;

-- Revenue by day and product.
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
INSERT INTO product_days SELECT coalesce(settled_at, 0) / 86400, product_id, count(*), sum(amount_sats) FROM invoices
    WHERE status = 'settled' AND amount_sats > 0 GROUP BY 1, 2;

-- Licenses by the day of their issue and of their end.
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
INSERT INTO license_days SELECT day, sum(issued), sum(ended) FROM (
    SELECT issued_at / 86400 AS day, 1 AS issued, 0 AS ended FROM licenses UNION ALL
    SELECT coalesce(revoked_at, suspended_at, issued_at) / 86400, 0, 1 FROM licenses WHERE status <> 'active')
    GROUP BY 1;

-- Subscriptions by their price, and by the day of their next renewal, their start and their end:
-- a lapse is on the day the grace was over, whenever it was noticed.
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
INSERT INTO renewal_days SELECT next_renewal_at / 86400, listed_currency, count(*), sum(listed_value) FROM subscriptions
    WHERE status = 'active' GROUP BY 1, 2;
INSERT INTO recurring_prices SELECT listed_currency, period_days, count(*), sum(listed_value) FROM subscriptions
    WHERE status = 'active' GROUP BY 1, 2;
INSERT INTO subscription_days SELECT day, sum(started), sum(ended) FROM (
    SELECT started_at / 86400 AS day, 1 AS started, 0 AS ended FROM subscriptions UNION ALL
    SELECT coalesce(cancelled_at, next_renewal_at + 86400 * grace_period_days) / 86400, 0, 1
    FROM subscriptions WHERE status IN ('lapsed', 'cancelled'))
    GROUP BY 1;

-- A machine is found by the beginning of its fingerprint's hash, 16 characters of which tell all apart,
-- and of its host name.
CREATE INDEX machines_by_fingerprint ON machines (substr(fingerprint_hash, 1, 16));
CREATE INDEX machines_by_hostname ON machines (lower(hostname)) WHERE hostname IS NOT NULL;
CREATE INDEX products_by_folded_name ON products (lower(name));
CREATE INDEX policies_by_folded_name ON policies (lower(name));
CREATE INDEX policies_by_slug ON policies (slug);
