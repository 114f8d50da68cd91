-- Counting whole tables reads their smallest index. Each of these is a tenth of the smallest there
-- was, and none is of a column that anything is looked up by, so that no other plan changes.
CREATE INDEX licenses_counted ON licenses (is_trial);
CREATE INDEX invoices_counted ON invoices (listed_currency);
CREATE INDEX invoices_unsettled ON invoices (listed_currency) WHERE status <> 'settled';
CREATE INDEX machines_counted ON machines (activated_at);
CREATE INDEX machines_left ON machines (deactivated_at) WHERE deactivated_at IS NOT NULL;
