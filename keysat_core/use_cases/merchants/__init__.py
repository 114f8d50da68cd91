"""Use cases about merchant profiles and who collects for them."""
