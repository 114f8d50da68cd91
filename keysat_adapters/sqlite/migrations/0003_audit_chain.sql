-- Every audit row is sealed: hash is a SHA-256 over previous_hash, which is the hash of the row
-- before it, and all other columns but the id. The rows already here are sealed in the same
-- transaction. A row that was put in by hand has no seal and so shows.
ALTER TABLE audit_log ADD COLUMN previous_hash BLOB NOT NULL DEFAULT x'';
ALTER TABLE audit_log ADD COLUMN hash BLOB NOT NULL DEFAULT x'';
