-- The secret that was rotated away, with which deliveries are signed too until an instant.
ALTER TABLE webhook_endpoints ADD COLUMN previous_secret TEXT CHECK (previous_secret <> '');
ALTER TABLE webhook_endpoints ADD COLUMN previous_secret_until INTEGER
    CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL));
