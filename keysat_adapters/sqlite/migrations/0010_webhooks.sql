-- Who is told of events. A deleted endpoint keeps its row for the history of its deliveries.
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
) STRICT;
CREATE INDEX webhook_endpoints_by_age ON webhook_endpoints (created_at, id) WHERE deleted_at IS NULL;

-- One event on its way to one endpoint. The body is the event's own. sequence is the order they were
-- made in; next_attempt_at is set exactly while a delivery is queued.
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
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at)
    WHERE status = 'queued';
CREATE INDEX webhook_deliveries_of_endpoint ON webhook_deliveries (endpoint_id, status, sequence);
CREATE INDEX webhook_deliveries_by_status ON webhook_deliveries (status, sequence);
CREATE INDEX webhook_deliveries_of_event ON webhook_deliveries (event_id, endpoint_id);

CREATE INDEX outbox_by_age ON outbox (occurred_at) WHERE is_published = 1;
