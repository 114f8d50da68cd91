"""Use cases about machines."""
