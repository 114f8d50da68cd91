"""Adapters: the core's ports, kept by real stores, providers and clocks."""
