"""Zaprite: cards and bitcoin through a hosted service."""
