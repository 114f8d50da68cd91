"""Use cases about the server itself: start-up, tier, settings, housekeeping."""
