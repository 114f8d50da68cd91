"""The machine's own services: clock, entropy, ids, password hashing."""
