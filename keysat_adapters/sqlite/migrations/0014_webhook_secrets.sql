-- The secret that was rotated away, with which deliveries are signed too until an instant.
ALTER TABLE webhook_endpoints ADD COLUMN previous_secret TEXT CHECK (previous_secret <> '');
ALTER TABLE webhook_endpoints ADD COLUMN previous_secret_until INTEGER
    CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL));

-- What was made lately, which is sent in the order it was made in.
CREATE INDEX webhook_deliveries_fresh ON webhook_deliveries (endpoint_id, created_at)
    WHERE status = 'queued';
