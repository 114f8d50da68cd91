-- The tips of a policy, newest first; the index it replaces named the policy alone.
DROP INDEX tip_attempts_of_policy;
CREATE INDEX tip_attempts_of_policy ON tip_attempts (policy_id, created_at, id);
