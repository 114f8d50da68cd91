"""The audit chain: every audit row is sealed by a hash over itself and the seal before it.

The seal of a row covers the seal of its predecessor and every column but the id, so a row that was
moved still fits its own seal and can be told apart from one that was changed. Ids are given
consecutively and never again, so a row that is missing leaves a gap.

Whoever can write the file can also seal all rows from some point on anew, or cut off the newest
ones and turn back the count of ids. Only an anchor shows that: a seal written down elsewhere.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple, Self, TypeAlias

import msgspec

from keysat_core.errors import InvariantError

SEAL_BYTES: Final = 32
"""SHA-256."""

FIRST_ID: Final = 1
"""Id of the first row of a chain."""

GENESIS: Final = bytes(SEAL_BYTES)
"""What the first row carries in place of a predecessor's seal."""

Cell: TypeAlias = str | int | float | bytes | None
"""A stored value as the store gives it, before anything is read into it."""

_ANCHOR: Final = re.compile(r"([0-9]{1,18}):([0-9a-fA-F]{64})")

_encode: Final = msgspec.msgpack.Encoder().encode


def seal(previous_hash: bytes, cells: Sequence[Cell]) -> bytes:
    """Give the seal of a row: SHA-256 over its predecessor's seal and its columns as MessagePack.

    MessagePack keeps the type and length of every cell, so no two rows are spelled alike.
    """
    return sha256(previous_hash + _encode(cells)).digest()


class Link(NamedTuple):
    """An audit row as the chain sees it. ``cells`` is every column but the id and the hashes.

    None for ``cells`` means that the row is there but cannot be read.
    """

    id: int
    previous_hash: bytes
    hash: bytes
    cells: Sequence[Cell] | None


class ChainPage(NamedTuple):
    """Some links in the order of their ids; ``next_id`` is where the next page begins, if any."""

    links: Sequence[Link]
    next_id: int | None


def links_in(read_page: Callable[[int | None], ChainPage]) -> Iterator[Link]:
    """Give the links of all pages; ``read_page`` gives the one that begins at an id, or the first."""
    page = read_page(None)
    yield from page.links
    while page.next_id is not None:
        page = read_page(page.next_id)
        yield from page.links


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """The seal of a row as somebody wrote it down."""

    id: int
    hash: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``ID:HASH``.

        Raises:
            InvariantError: It is something else.
        """
        match = _ANCHOR.fullmatch(text.strip())
        if match is None:
            raise InvariantError("anchor", "must be ID:HASH, as a verification printed it")
        return cls(id=int(match[1]), hash=bytes.fromhex(match[2]))

    def __str__(self) -> str:
        return f"{self.id}:{self.hash.hex()}"
