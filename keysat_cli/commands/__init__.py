"""One module per command of `keysat`."""
