-- Settled by an earlier server that delivered nothing: the operator decides, and no job looks at it.
ALTER TABLE invoices ADD COLUMN held_at INTEGER;
DROP INDEX invoices_without_effect;
CREATE INDEX invoices_without_effect ON invoices (created_at)
    WHERE status = 'settled' AND effect_at IS NULL AND held_at IS NULL;
