"""From method and path to what is to be done, with the permission it takes."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias
from urllib.parse import unquote

import msgspec

from tests.simulators.btcpay.accounts import APIKey
from tests.simulators.btcpay.world import World
from tests.simulators.exchange import Request, Response


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One request on its way: who asks, and what the path names.

    Attributes:
        stale_seconds: Reads answer from before changes that are no older; None answers the truth.
    """

    world: World
    request: Request
    names: Mapping[str, str]
    key: APIKey | None = None
    stale_seconds: int | None = None

    @property
    def store_id(self) -> str:
        return self.names["storeId"]


Handler: TypeAlias = Callable[[Visit], Response]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One operation.

    Attributes:
        operation: Its name, for faults and the journal.
        path: The template, with names in braces.
        permission: What it takes in the store of the path; empty for none.
        is_open: No key is asked for at all.
    """

    operation: str
    method: str
    path: str
    handler: Handler
    permission: str = ""
    is_open: bool = False


class Router:
    """Finds routes by method and number of segments, then by the segments that are fixed."""

    def __init__(self, routes: list[Route]) -> None:
        self._by_shape: dict[tuple[str, int], list[tuple[Route, list[str]]]] = {}
        for route in routes:
            pieces = route.path.split("/")
            self._by_shape.setdefault((route.method, len(pieces)), []).append((route, pieces))
        self.methods: Final = {route.method for route in routes}

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Give the route and what its braces stand for."""
        segments = path.split("/")
        for route, pieces in self._by_shape.get((method, len(segments)), ()):
            names = _matched(pieces, segments)
            if names is not None:
                return route, names
        return None


def _matched(pieces: list[str], segments: list[str]) -> dict[str, str] | None:
    names = {}
    for piece, segment in zip(pieces, segments, strict=True):
        if piece.startswith("{"):
            names[piece[1:-1]] = unquote(segment)
        elif piece.lower() != segment.lower():
            return None
    return names
