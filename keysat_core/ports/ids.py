"""Identifiers."""

from typing import Protocol


class Ids(Protocol):
    """Where new ids come from."""

    def new(self) -> str:
        """Give a lower-case hyphenated UUIDv4 never given before (decisions 26)."""
        ...
