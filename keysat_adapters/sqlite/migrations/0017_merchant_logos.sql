-- The picture a seller is known by. A table of its own, so that profiles are read without it.
CREATE TABLE merchant_profile_logos (
    merchant_profile_id TEXT PRIMARY KEY REFERENCES merchant_profiles (id) ON DELETE CASCADE,
    media_type TEXT NOT NULL CHECK (media_type IN ('image/png', 'image/jpeg', 'image/webp')),
    content BLOB NOT NULL CHECK (length(content) BETWEEN 1 AND 32768),
    version TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
