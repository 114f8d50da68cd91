"""Pretend payments for the demo and tests; refuses to exist outside sandbox mode."""
