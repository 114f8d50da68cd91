"""Calls to other people's servers over HTTP, bounded in time and size."""
