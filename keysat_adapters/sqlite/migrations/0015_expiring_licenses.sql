-- Which licenses end soon; most never end, or have ended, and are not in it.
CREATE INDEX licenses_expiring ON licenses (expires_at) WHERE status = 'active' AND expires_at IS NOT NULL;
