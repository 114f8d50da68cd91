"""Ids that are the same in every run."""

from hashlib import sha256
from itertools import count

_VERSION_4 = 0x4000
_VARIANT = 0x8000


class SeededIds:
    """Implements ``ports.ids.Ids``: well-formed UUIDv4 text that depends on the seed alone.

    Two with one seed give the same ids in the same order; with different seeds, never the same id.
    They can be guessed, so no id that is a buyer's proof may come from here (public-api 6.2).
    """

    __slots__ = ("_numbers", "_seed")

    def __init__(self, seed: int | str = 0) -> None:
        self._seed = str(seed)
        self._numbers = count()

    def new(self) -> str:
        """Give the next id."""
        return uuid_text(sha256(f"id {self._seed} {next(self._numbers)}".encode()).digest())


def uuid_text(digest: bytes) -> str:
    """Spell the first 16 bytes as a UUID, with the version and variant of RFC 9562 section 5.4."""
    groups = [digest[start:end] for start, end in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 16))]
    groups[2] = (int.from_bytes(groups[2]) & 0x0FFF | _VERSION_4).to_bytes(2)
    groups[3] = (int.from_bytes(groups[3]) & 0x3FFF | _VARIANT).to_bytes(2)
    return "-".join(group.hex() for group in groups)
