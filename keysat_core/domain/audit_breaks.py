"""What was done to an audit chain, judged from the pieces it fell into."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

import msgspec

from keysat_core.domain.audit_chain import FIRST_ID, GENESIS


class BreakKind(StrEnum):
    """What is wrong with some rows."""

    CHANGED = "changed"
    UNREADABLE = "unreadable"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"
    SEVERED = "severed"
    UNANCHORED = "unanchored"


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain does not hold: the ids from first to last, both included.

    ``belongs_at`` is the id at which reordered rows would fit. ``severed`` names two neighbors of
    which the later does not follow the earlier though each fits its own seal: the earlier was
    sealed anew, or rows between them were taken out and the later ones given other ids.
    ``inserted`` are also rows whose ids were never given by the count.
    """

    kind: BreakKind
    first_id: int
    last_id: int
    belongs_at: int | None = None


_SAID: Final[Mapping[BreakKind, str]] = {
    BreakKind.CHANGED: "changed after it was written",
    BreakKind.UNREADABLE: "cannot be read: the file is damaged",
    BreakKind.REMOVED: "removed",
    BreakKind.INSERTED: "inserted by another program, or the count of ids was turned back",
    BreakKind.REORDERED: "moved; it belongs at {belongs_at}",
    BreakKind.SEVERED: "do not follow each other: the first was written anew, or rows between them"
    " were taken out",
    BreakKind.UNANCHORED: "not the row of the anchor: it or a row before it was written anew or"
    " removed",
}


def described(found: Break) -> str:
    """Say which rows are concerned and what is wrong with them."""
    is_one = found.first_id == found.last_id
    which = f"row {found.first_id}" if is_one else f"rows {found.first_id} to {found.last_id}"
    return f"{which}: {_SAID[found.kind].format(belongs_at=found.belongs_at)}"


class Segment(NamedTuple):
    """Rows with consecutive ids of which each follows the one before.

    ``head`` is the seal the first row names as its predecessor's, ``tail`` the seal of the last
    row, ``before_tail`` that of the last but one. Each is None where a broken row leaves it open.
    """

    first_id: int
    last_id: int
    head: bytes | None
    before_tail: bytes | None
    tail: bytes | None


_START: Final = Segment(FIRST_ID - 1, FIRST_ID - 1, None, None, GENESIS)


def breaks_between(segments: Sequence[Segment], *, last_id: int) -> list[Break]:
    """Say what must have happened between segments, which come in the order they were read.

    ``last_id`` is the highest id ever given.
    """
    segments = [_START, *segments]
    tails = {segment.tail for segment in segments}
    roots = [one for one in segments[1:] if one.head is None or one.head not in tails]
    inserted = list(_inserted(segments, roots))
    foreign = {row.first_id for row in inserted}
    left = [one for one in segments if one.first_id not in foreign]
    chains, strays = _chains(left, roots)
    inserted += [_break(BreakKind.INSERTED, stray.first_id, stray.last_id) for stray in strays]
    reordered = list(_reordered([one for one in left if one not in strays], chains))
    removed = list(_removed(segments, reordered, last_id))
    explained = foreign | {found.last_id + 1 for found in (*removed, *inserted)}
    severed = [
        _break(BreakKind.SEVERED, max(root.first_id - 1, FIRST_ID), root.first_id)
        for root in roots
        if root.head is not None and root.first_id not in explained
    ]
    return [*inserted, *reordered, *removed, *severed]


def _break(kind: BreakKind, first_id: int, last_id: int) -> Break:
    return Break(kind=kind, first_id=first_id, last_id=last_id)


def _inserted(segments: Sequence[Segment], roots: Sequence[Segment]) -> Iterator[Break]:
    """Find rows that their neighbors know nothing of."""
    for before, segment, after in zip(segments, segments[1:], [*segments[2:], None], strict=False):
        if segment not in roots:
            continue
        if after is not None and after.head is not None and after.head == before.tail:
            yield _break(BreakKind.INSERTED, segment.first_id, segment.last_id)
        elif segment.head is not None and segment.head == before.before_tail:
            # Sealed as if it belonged there, but what follows was sealed before it came.
            yield _break(BreakKind.INSERTED, before.last_id, before.last_id)


def _chains(
    segments: Sequence[Segment], roots: Sequence[Segment]
) -> tuple[list[list[Segment]], list[Segment]]:
    """Put segments behind each other by their seals; give also those that found no place.

    Of several that name the same predecessor the longest is the original.
    """
    by_head: dict[bytes | None, Segment] = {}
    for segment in sorted(segments[1:], key=lambda s: s.last_id - s.first_id):
        by_head[segment.head] = segment
    by_head.pop(None, None)
    chains = []
    for root in (_START, *(root for root in roots if root in segments)):
        chain = [root]
        while (following := by_head.pop(chain[-1].tail, None)) is not None:
            chain.append(following)
        chains.append(chain)
    placed = {segment for chain in chains for segment in chain}
    return chains, [segment for segment in segments if segment not in placed]


def _reordered(segments: Sequence[Segment], chains: Iterable[Sequence[Segment]]) -> Iterator[Break]:
    """Find segments whose ids are not those their place in the chain gives them."""
    neighbors = set(pairwise(segments))
    in_order = _in_order(segments)
    for chain in chains:
        place = chain[0].first_id
        for before, segment in pairwise(chain):
            place += before.last_id - before.first_id + 1
            if segment in in_order and (before, segment) in neighbors:
                # Nothing was moved; if there is a gap, rows were removed and others came after.
                place = segment.first_id
            elif segment.first_id != place:
                yield Break(
                    kind=BreakKind.REORDERED,
                    first_id=segment.first_id,
                    last_id=segment.last_id,
                    belongs_at=place,
                )


def _in_order(segments: Sequence[Segment]) -> set[Segment]:
    """Find segments with higher ids than all before them and lower ones than all behind them."""
    highest = accumulate((segment.last_id for segment in segments), max)
    lowest = [*accumulate((segment.first_id for segment in reversed(segments)), min)][::-1]
    return {
        segment
        for below, segment, above in zip(highest, segments[1:], [*lowest[2:], None], strict=False)
        if below < segment.first_id and (above is None or segment.last_id < above)
    }


def _removed(
    segments: Sequence[Segment], reordered: Sequence[Break], last_id: int
) -> Iterator[Break]:
    """Find ids that no row has, though one had them; what was moved away counts as there."""
    moved = {row.first_id for row in reordered}
    end = max([last_id, *(s.last_id for s in segments if s.first_id not in moved)])
    there = [(segment.first_id, segment.last_id) for segment in segments]
    for row in reordered:
        place = row.belongs_at or FIRST_ID
        there.append((place, place + row.last_id - row.first_id))
    reached = FIRST_ID - 1
    for first_id, until_id in [*sorted(there), (end + 1, end + 1)]:
        if reached + 1 < first_id <= end + 1:
            yield _break(BreakKind.REMOVED, reached + 1, first_id - 1)
        reached = max(reached, until_id)
