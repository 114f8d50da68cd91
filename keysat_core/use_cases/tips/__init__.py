"""Tips: what a sale owes a lightning address, from its reservation to its end."""
