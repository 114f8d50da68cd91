"""Use cases about purchases."""
