"""Changing the tier of a license."""
