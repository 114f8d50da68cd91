"""Use cases about products."""
