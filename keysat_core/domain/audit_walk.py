"""Walking along an audit chain from its first row to its last, and telling where it breaks."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from keysat_core.domain.audit_breaks import Break, BreakKind, Segment, breaks_between
from keysat_core.domain.audit_chain import FIRST_ID, GENESIS, Anchor, Link, seal
from keysat_core.limits import AUDIT_BREAKS_MAX

_NO_RUN: Final = -1


class ChainReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a chain stands.

    Attributes:
        row_count: Rows read.
        head: The last row and its seal, to be written down as an anchor; None if there is no row.
        breaks: Everything wrong, in the order of the ids.
        is_complete: The whole log was read; else it was given up after ``AUDIT_BREAKS_MAX`` breaks.
    """

    row_count: int
    head: Anchor | None
    breaks: tuple[Break, ...]
    is_complete: bool = True

    @property
    def is_sound(self) -> bool:
        """Tell whether every row is as it was written, and where."""
        return not self.breaks


def verify_chain(links: Iterable[Link], *, last_id: int) -> ChainReport:
    """Verify rows in the order of their ids; ``last_id`` is the highest id ever given.

    A row that is broken does not spoil those behind it: the walk goes on from what they say.
    """
    walk = _Walk()
    is_complete = True
    for link in links:
        walk.take(link)
        if walk.break_count >= AUDIT_BREAKS_MAX:
            # What was not read is not missing.
            is_complete, last_id = False, link.id
            break
    breaks = [*walk.broken, *breaks_between(walk.segments(), last_id=last_id)]
    last = walk.last
    if last is not None and last_id < last.id and not breaks:
        # Every row raises the count with its id, so somebody has turned it back. Rows that were
        # moved to higher ids do not, but then there is a break already.
        first_id = max(last_id + 1, FIRST_ID)
        breaks = [Break(kind=BreakKind.INSERTED, first_id=first_id, last_id=last.id)]
    return ChainReport(
        row_count=walk.row_count,
        head=None if last is None else Anchor(id=last.id, hash=last.hash),
        breaks=tuple(sorted(breaks, key=lambda found: (found.first_id, found.last_id))),
        is_complete=is_complete,
    )


class ChainEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The newest rows of a chain: how many were looked at, their head, and whether they fit."""

    row_count: int
    head: Anchor | None
    is_sound: bool


def check_end(links: Sequence[Link], *, last_id: int) -> ChainEnd:
    """Check the newest rows among themselves, which says nothing of those before.

    ``last_id`` is the highest id ever given, which the last row must have.
    """
    ids = [link.id for link in links]
    is_whole = ids == list(range(last_id - len(ids) + 1, last_id + 1)) and (
        last_id == 0 or bool(ids)
    )
    follows = all(after.previous_hash == before.hash for before, after in pairwise(links))
    seals = all(one.cells and seal(one.previous_hash, one.cells) == one.hash for one in links)
    return ChainEnd(
        row_count=len(links),
        head=Anchor(id=links[-1].id, hash=links[-1].hash) if links else None,
        is_sound=is_whole and follows and seals,
    )


def with_anchor(report: ChainReport, anchor: Anchor, link: Link | None) -> ChainReport:
    """Also compare an anchor with the row it names, or with what was found in its place."""
    if link is not None and (link.id, link.hash) == (anchor.id, anchor.hash):
        return report
    found = Break(kind=BreakKind.UNANCHORED, first_id=anchor.id, last_id=anchor.id)
    return msgspec.structs.replace(report, breaks=(*report.breaks, found))


class _Walk:
    """Cuts the chain into segments, and notes the rows that do not fit their own seal."""

    __slots__ = (
        "_before",
        "_closed",
        "_first_id",
        "_fork",
        "_head",
        "_next_id",
        "_run",
        "_tail",
        "broken",
        "last",
        "row_count",
    )

    def __init__(self) -> None:
        self.broken: list[Break] = []
        self.row_count = 0
        self.last: Link | None = None
        self._closed: list[Segment] = []
        # The open segment; see ``Segment``. It begins empty.
        self._first_id = self._next_id = FIRST_ID
        self._head: bytes | None = GENESIS
        self._before: bytes | None = None
        self._tail: bytes | None = GENESIS
        # Between broken rows: where in ``broken`` they begin, and the seal they would follow.
        self._run = _NO_RUN
        self._fork: bytes | None = None

    @property
    def break_count(self) -> int:
        """How much there is to tell, at least."""
        return len(self.broken) + len(self._closed)

    def take(self, link: Link) -> None:
        """Look at the next row."""
        is_next = link.id == self._next_id
        if link.cells is None or seal(link.previous_hash, link.cells) != link.hash:
            self._take_broken(link, is_next=is_next)
        elif is_next and (link.previous_hash == self._tail or self._run != _NO_RUN):
            if self._run != _NO_RUN:
                self._end_run(link)
            self._before, self._tail = link.previous_hash, link.hash
        else:
            self._open(link.id, link.previous_hash)
            self._before, self._tail = link.previous_hash, link.hash
        self._next_id = link.id + 1
        self.last = link
        self.row_count += 1

    def segments(self) -> list[Segment]:
        """Give the segments so far, the open one included."""
        if self._next_id == self._first_id:
            return self._closed
        open_one = Segment(self._first_id, self._next_id - 1, self._head, self._before, self._tail)
        return [*self._closed, open_one]

    def _take_broken(self, link: Link, *, is_next: bool) -> None:
        if not is_next:
            self._open(link.id, None)
        if self._run == _NO_RUN:
            self._run = len(self.broken)
            self._fork = self._tail if is_next else None
        self._before = self._tail = None
        kind = BreakKind.UNREADABLE if link.cells is None else BreakKind.CHANGED
        if len(self.broken) > self._run:
            latest = self.broken[-1]
            if latest.kind is kind and latest.last_id + 1 == link.id:
                self.broken[-1] = msgspec.structs.replace(latest, last_id=link.id)
                return
        self.broken.append(Break(kind=kind, first_id=link.id, last_id=link.id))

    def _end_run(self, link: Link) -> None:
        """Go on behind broken rows. A row that follows what was before them shows they are foreign."""
        if link.previous_hash == self._fork:
            self.broken[self._run :] = [
                msgspec.structs.replace(row, kind=BreakKind.INSERTED)
                for row in self.broken[self._run :]
            ]
        self._run = _NO_RUN

    def _open(self, first_id: int, head: bytes | None) -> None:
        """Close the open segment and begin another."""
        self._closed = self.segments()
        self._first_id = self._next_id = first_id
        self._head = head
        self._run = _NO_RUN
