"""Use cases about subscribers to events, and what is on its way to them."""
