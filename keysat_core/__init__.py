"""The rules of Keysat: pure and synchronous, without I/O, clock or randomness.

Import from its subpackages; ``keysat_core.signing`` is useful alone.
"""
