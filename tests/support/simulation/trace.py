"""What happened, step by step: a line each, and one hash over all of them."""

import re
from collections import deque
from hashlib import sha256
from typing import Final

LINES_KEPT: Final = 60
"""Lines shown with a failure: enough to see what led to it."""

_UUID: Final = re.compile(r"([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def shortened(line: str) -> str:
    """Cut ids for the reader."""
    return _UUID.sub(r"\1", line)


class Trace:
    """Takes lines down. Two runs are the same exactly when their hashes are."""

    def __init__(self, *, lines_kept: int | None = LINES_KEPT) -> None:
        self.lines: deque[str] = deque(maxlen=lines_kept)
        self.count = 0
        self.hash = sha256()

    def note(self, line: str) -> None:
        """Take a line down, ids in full for the hash and cut for the reader."""
        self.count += 1
        self.hash.update(line.encode() + b"\n")
        self.lines.append(shortened(line))

    @property
    def digest(self) -> str:
        """The hash of every line so far."""
        return self.hash.hexdigest()
