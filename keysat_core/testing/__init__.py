"""Hypothesis strategies and fixed ports, for our tests and for embedders."""
