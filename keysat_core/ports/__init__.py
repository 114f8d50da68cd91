"""What the core needs of the world, one Protocol per module."""
