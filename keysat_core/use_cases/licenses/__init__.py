"""Use cases about licenses."""
