"""Everything of a kind, for files."""
