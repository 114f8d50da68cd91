"""Use cases about policies."""
