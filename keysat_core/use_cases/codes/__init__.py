"""Use cases of discount codes."""
