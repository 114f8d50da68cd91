"""What comes of a call over HTTP."""

from collections.abc import Mapping
from typing import NamedTuple


class Answer(NamedTuple):
    """What came back. Header names are in lower case; the body is as received."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """The other side says that it did what was asked."""
        return 200 <= self.status < 300  # noqa: PLR2004  the class of HTTP statuses


class NoAnswer(Exception):
    """No whole answer came. ``was_sent`` False: the other side was never reached.

    ``is_slow``: the time was over, so that asking again would take as long.
    """

    def __init__(self, reason: str, *, was_sent: bool, is_slow: bool = False) -> None:
        self.was_sent = was_sent
        self.is_slow = is_slow
        super().__init__(reason)


class Unreadable(Exception):
    """An answer lacks what it must hold. The message names it and quotes nothing."""
