-- Invoices as operators look for them: on whose word one was settled, what is to be looked at, and
-- the buyer's e-mail without regard to case, which the store writes (Unicode case folding).
ALTER TABLE invoices ADD COLUMN settled_by TEXT
    CHECK (settled_by IN ('provider', 'late_payment', 'operator'));
ALTER TABLE invoices ADD COLUMN attention TEXT
    CHECK (attention IN ('paid_late', 'partial_payment', 'processing_after_expiry',
        'provider_disconnected', 'provider_reversed'));
ALTER TABLE invoices ADD COLUMN buyer_email_folded TEXT;
-- SQLite folds plain letters only; where a license was sold to the same address, it has the rest.
UPDATE invoices SET buyer_email_folded = coalesce(
    (SELECT licenses.buyer_email_folded FROM licenses
        WHERE licenses.invoice_id = invoices.id AND licenses.buyer_email = invoices.buyer_email),
    lower(buyer_email))
WHERE buyer_email IS NOT NULL;

-- One list per filter, each in the order it is shown in.
CREATE INDEX invoices_by_age ON invoices (created_at, id);
CREATE INDEX invoices_by_age_of_product ON invoices (product_id, created_at, id);
DROP INDEX invoices_by_status;
CREATE INDEX invoices_by_status ON invoices (status, created_at, id);
CREATE INDEX invoices_by_age_of_provider ON invoices (payment_provider_id, created_at, id);
CREATE INDEX invoices_by_email ON invoices (buyer_email_folded, created_at, id)
    WHERE buyer_email_folded IS NOT NULL;
CREATE INDEX invoices_with_attention ON invoices (created_at, id)
    WHERE attention IS NOT NULL OR (status = 'settled' AND effect_at IS NULL);
