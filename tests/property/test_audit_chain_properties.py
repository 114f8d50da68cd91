"""No combination of rows but the true one makes a sound chain, however it was put together."""

from collections.abc import Iterable

from hypothesis import assume, given
from hypothesis import strategies as st

from keysat_core.domain.audit_chain import GENESIS, Link, seal
from keysat_core.domain.audit_walk import verify_chain

COUNT = 8
FORGED = ("forged", 0)


def true_chain() -> list[Link]:
    links: list[Link] = []
    previous_hash = GENESIS
    for number in range(1, COUNT + 1):
        cells = (f"row {number}", number)
        links.append(Link(number, previous_hash, seal(previous_hash, cells), cells))
        previous_hash = links[-1].hash
    return links


TRUE = true_chain()
# Rows somebody sealed anew at a place of theirs. The last place is left out: nothing follows it,
# so that only an anchor could tell.
RESEALED = [
    Link(link.id, link.previous_hash, seal(link.previous_hash, FORGED), FORGED)
    for link in TRUE[:-1]
]
BROKEN = [
    *(link._replace(cells=FORGED) for link in TRUE),
    *(link._replace(cells=None) for link in TRUE),
    *(link._replace(hash=bytes(32)) for link in TRUE),
]

rows = st.sampled_from([*TRUE, *RESEALED, *BROKEN])
logs = st.dictionaries(st.integers(-2, COUNT + 3), rows, max_size=COUNT + 4)


def located(links: Iterable[Link]) -> list[tuple[int, int]]:
    report = verify_chain(links, last_id=COUNT)
    return [(found.first_id, found.last_id) for found in report.breaks]


@given(log=logs)
def test_rows_put_together_at_will_are_never_sound(log: dict[int, Link]) -> None:
    links = [link._replace(id=row_id) for row_id, link in sorted(log.items())]
    assert located(links) or links == TRUE


@given(
    changes=st.dictionaries(
        st.integers(1, COUNT), st.none() | st.sampled_from([*RESEALED, *BROKEN]), max_size=4
    )
)
def test_every_place_that_was_touched_is_told(changes: dict[int, Link | None]) -> None:
    """Each row that is gone or broken, or the row behind it, lies within some break.

    A row that was sealed anew stays at its own place here: elsewhere, beside rows that are gone, it
    may pass for the original and the originals for insertions, which is told, but of those.
    """
    assume(all(link not in RESEALED or link.id == row_id for row_id, link in changes.items()))
    links = [
        link._replace(id=true.id)
        for true in TRUE
        if (link := changes.get(true.id, true)) is not None
    ]
    touched = {row_id for row_id, link in changes.items() if link != TRUE[row_id - 1]}
    found = located(links)
    for row_id in touched:
        assert any(first <= row_id <= last or row_id + 1 == first for first, last in found)
    assert bool(found) == bool(touched)


@given(
    links=st.lists(st.builds(lambda link, row_id: link._replace(id=row_id), rows, st.integers()))
)
def test_a_walk_never_fails_whatever_it_meets(links: list[Link]) -> None:
    """Not even over ids that come twice or backwards, as a damaged file may give them."""
    report = verify_chain(links, last_id=COUNT)
    assert report.row_count == len(links)
    assert report.is_sound == (links == TRUE)
