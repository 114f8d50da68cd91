-- Payment methods that buyers let a provider keep, and charging them again. One row for each invoice,
-- so that a sale is looked through once and an invoice is charged once, whatever else happens.
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
CREATE INDEX saved_payments_of_provider ON saved_payments (payment_provider_id);
CREATE INDEX saved_payments_newest ON saved_payments (created_at, invoice_id);

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
