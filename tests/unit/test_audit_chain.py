"""The audit chain: what was done to it is told by what is left of it."""

from hashlib import sha256

import msgspec
import pytest

from keysat_core.domain.audit_breaks import Break, BreakKind, described
from keysat_core.domain.audit_chain import GENESIS, SEAL_BYTES, Anchor, Link, seal
from keysat_core.domain.audit_walk import ChainReport, check_end, verify_chain, with_anchor
from keysat_core.errors import InvariantError
from keysat_core.limits import AUDIT_BREAKS_MAX

COUNT = 12
FORGED = ("forged", 0, None)
Told = tuple[str, int, int, int | None]


def chain(count: int = COUNT) -> list[Link]:
    links: list[Link] = []
    previous_hash = GENESIS
    for number in range(1, count + 1):
        cells = (f"row {number}", number, None)
        links.append(Link(number, previous_hash, seal(previous_hash, cells), cells))
        previous_hash = links[-1].hash
    return links


LINKS = chain()


def at(row_id: int, link: Link) -> Link:
    return link._replace(id=row_id)


def row(row_id: int) -> Link:
    return LINKS[row_id - 1]


def shifted(links: list[Link], by: int) -> list[Link]:
    return [at(link.id + by, link) for link in links]


def resealed(row_id: int) -> Link:
    """A row somebody wrote who knows how rows are sealed."""
    previous_hash = row(row_id - 1).hash if row_id > 1 else GENESIS
    return Link(row_id, previous_hash, seal(previous_hash, FORGED), FORGED)


def verify(links: list[Link], last_id: int = COUNT) -> ChainReport:
    return verify_chain(sorted(links, key=lambda link: link.id), last_id=last_id)


def told(links: list[Link], last_id: int = COUNT) -> list[Told]:
    breaks = verify(links, last_id).breaks
    return [(str(b.kind), b.first_id, b.last_id, b.belongs_at) for b in breaks]


def with_row(link: Link) -> list[Link]:
    return [link if link.id == other.id else other for other in LINKS]


# --- sealing ------------------------------------------------------------------------------------


def test_a_seal_is_a_hash_over_the_seal_before_and_every_cell() -> None:
    own = seal(GENESIS, ("a", 1, None))
    assert len(own) == SEAL_BYTES
    others = [
        seal(own, ("a", 1, None)),
        seal(GENESIS, ("a", 1, 0)),
        seal(GENESIS, ("a", "1", None)),
        seal(GENESIS, (b"a", 1, None)),
        seal(GENESIS, ("a", 1)),
        seal(GENESIS, ("", "a", 1, None)),
    ]
    assert len({own, *others}) == 7


def test_the_seal_of_known_cells_never_changes() -> None:
    """Spelled out, so that another program can check a log without this one."""
    cells = ("cli", None, "license.revoke", 1_800_000_000)
    spelled = b"\x94" + b"\xa3cli" + b"\xc0" + b"\xaelicense.revoke" + b"\xcek\x49\xd2\x00"
    assert seal(GENESIS, cells) == sha256(bytes(32) + spelled).digest()


# --- what is found ------------------------------------------------------------------------------


def test_an_untouched_chain_is_sound_and_tells_its_head() -> None:
    assert verify(LINKS) == ChainReport(
        row_count=COUNT, head=Anchor(id=COUNT, hash=row(COUNT).hash), breaks=()
    )
    assert verify([], 0) == ChainReport(row_count=0, head=None, breaks=())
    assert verify([], 0).is_sound


@pytest.mark.parametrize("row_id", [1, 5, COUNT])
def test_a_changed_row_is_located_and_nothing_else_is_blamed(row_id: int) -> None:
    link = row(row_id)
    for changed in (
        link._replace(cells=FORGED),
        link._replace(hash=bytes(32)),
        link._replace(hash=b""),
        link._replace(previous_hash=b"\1" * 32),
        link._replace(previous_hash=link.hash, hash=link.previous_hash),
    ):
        assert told(with_row(changed)) == [("changed", row_id, row_id, None)]


def test_rows_changed_side_by_side_are_one_break() -> None:
    links = [link._replace(cells=FORGED) if 4 <= link.id <= 6 else link for link in LINKS]
    assert told(links) == [("changed", 4, 6, None)]
    links[4] = links[4]._replace(cells=None)
    assert told(links) == [
        ("changed", 4, 4, None),
        ("unreadable", 5, 5, None),
        ("changed", 6, 6, None),
    ]


@pytest.mark.parametrize(
    ("missing", "breaks"),
    [
        ([1], [(1, 1)]),
        ([5], [(5, 5)]),
        ([COUNT], [(COUNT, COUNT)]),
        ([1, 2, 3], [(1, 3)]),
        ([4, 5, 6, 9], [(4, 6), (9, 9)]),
        ([10, 11, 12], [(10, 12)]),
        (list(range(1, COUNT + 1)), [(1, COUNT)]),
    ],
)
def test_removed_rows_are_located(missing: list[int], breaks: list[tuple[int, int]]) -> None:
    links = [link for link in LINKS if link.id not in missing]
    assert told(links) == [("removed", *ids, None) for ids in breaks]


def test_rows_cut_off_are_missed_even_if_others_came_after() -> None:
    kept = LINKS[:9]
    for previous_hash in (kept[-1].hash, GENESIS):
        after = Link(13, previous_hash, seal(previous_hash, FORGED), FORGED)
        links = [*kept, after] if previous_hash != GENESIS else [after]
        first = 10 if previous_hash != GENESIS else 1
        assert told(links, 13) == [("removed", first, 12, None)]


@pytest.mark.parametrize("pair", [(3, 8), (3, 4), (3, 5), (1, 2), (1, COUNT), (11, COUNT)])
def test_swapped_rows_are_located_and_told_where_they_belong(pair: tuple[int, int]) -> None:
    one, two = pair
    links = [at(dict([pair, (two, one)]).get(link.id, link.id), link) for link in LINKS]
    assert told(links) == [("reordered", one, one, two), ("reordered", two, two, one)]


def test_rows_moved_elsewhere_are_told_where_they_belong() -> None:
    for row_id, to in ((5, 17), (5, 0), (COUNT, 0), (1, 40)):
        assert told(with_row(row(1))[: row_id - 1] + LINKS[row_id:] + [at(to, row(row_id))]) == [
            ("reordered", to, to, row_id)
        ]
    block = LINKS[:2] + shifted(LINKS[5:8], -3) + shifted(LINKS[2:5], 3) + LINKS[8:]
    assert told(block) == [("reordered", 3, 5, 6), ("reordered", 6, 8, 3)]
    backwards = [at(COUNT + 1 - link.id, link) for link in LINKS]
    assert told(backwards) == [
        ("reordered", row_id, row_id, COUNT + 1 - row_id) for row_id in range(1, COUNT + 1)
    ]


def test_a_row_read_out_of_order_is_told_where_it_belongs() -> None:
    """As when a bit of an id flips in the file: rows come in the order of the pages."""
    links = [at(70, link) if link.id == 6 else link for link in LINKS]
    report = verify_chain(links, last_id=COUNT)
    assert report.breaks == (
        Break(kind=BreakKind.REORDERED, first_id=70, last_id=70, belongs_at=6),
    )


def test_inserted_rows_are_located() -> None:
    for row_id in (1, 7):
        kept, moved = LINKS[: row_id - 1], shifted(LINKS[row_id - 1 :], 1)
        for foreign in (
            Link(row_id, b"", b"", FORGED),
            Link(row_id, b"", b"", None),
            resealed(row_id),
        ):
            assert told([*kept, foreign, *moved]) == [("inserted", row_id, row_id, None)]
    two = [Link(7, b"", b"", FORGED), Link(8, b"", b"", FORGED)]
    assert told(LINKS[:6] + two + shifted(LINKS[6:], 2)) == [("inserted", 7, 8, None)]


def test_repeated_rows_are_located() -> None:
    assert told([*LINKS[:6], at(7, row(3)), *shifted(LINKS[6:], 1)]) == [("inserted", 7, 7, None)]
    for row_id in (1, 3, COUNT):
        # The copy and the original are the same, so either may be called the copy.
        repeated = [*LINKS[:row_id], at(row_id + 1, row(row_id)), *shifted(LINKS[row_id:], 1)]
        assert told(repeated, COUNT + 1) == [("inserted", row_id, row_id, None)]


def test_a_foreign_row_at_the_end_or_far_away_is_located() -> None:
    foreign = Link(COUNT + 1, b"", b"", FORGED)
    assert told([*LINKS, foreign], COUNT + 1) == [("changed", COUNT + 1, COUNT + 1, None)]
    assert told([*LINKS, at(0, foreign)]) == [("changed", 0, 0, None)]
    assert told([*LINKS, at(100, foreign)], 100) == [
        ("removed", COUNT + 1, 99, None),
        ("changed", 100, 100, None),
    ]
    copy = at(COUNT + 1, row(3))
    assert told([*LINKS, copy], COUNT + 1) == [("severed", COUNT, COUNT + 1, None)]


def test_a_row_sealed_anew_no_longer_leads_to_the_next() -> None:
    assert told(with_row(resealed(7))) == [("severed", 7, 8, None)]
    assert told([resealed(1), *LINKS[1:]]) == [("severed", 1, 2, None)]
    previous = row(5).hash
    orphan = Link(1, previous, seal(previous, FORGED), FORGED)
    assert told([orphan], 1) == [("severed", 1, 1, None)]


def test_a_removed_row_shows_even_when_the_others_close_ranks() -> None:
    assert told(LINKS[:4] + shifted(LINKS[5:], -1)) == [
        ("severed", 4, 5, None),
        ("removed", COUNT, COUNT, None),
    ]


def test_several_breaks_are_told_each_at_its_place() -> None:
    links = [at({2: 3, 3: 2}.get(link.id, link.id), link) for link in LINKS if link.id != 6]
    links = [link._replace(cells=FORGED) if link.id == 9 else link for link in links]
    assert told(links) == [
        ("reordered", 2, 2, 3),
        ("reordered", 3, 3, 2),
        ("removed", 6, 6, None),
        ("changed", 9, 9, None),
    ]


def test_a_row_behind_a_gap_may_be_changed_too() -> None:
    links = [link for link in with_row(row(6)._replace(cells=FORGED)) if link.id != 5]
    assert told(links) == [("removed", 5, 5, None), ("changed", 6, 6, None)]


def test_a_hopeless_log_is_given_up() -> None:
    links = chain(4 * AUDIT_BREAKS_MAX)
    links = [link._replace(cells=FORGED) if link.id % 2 else link for link in links]
    report = verify_chain(iter(links), last_id=len(links))
    assert not report.is_complete
    assert not report.is_sound
    assert len(report.breaks) == AUDIT_BREAKS_MAX
    assert report.row_count < 2 * AUDIT_BREAKS_MAX
    assert {found.kind for found in report.breaks} == {BreakKind.CHANGED}


@pytest.mark.parametrize("last_id", [-1, 0, 1, COUNT - 1])
def test_a_count_below_the_ids_was_turned_back(last_id: int) -> None:
    report = verify(LINKS, last_id)
    (found,) = report.breaks
    assert (found.kind, found.first_id, found.last_id) == ("inserted", max(last_id + 1, 1), COUNT)
    assert "the count of ids was turned back" in described(found)
    assert not report.is_sound


def test_a_count_at_the_last_id_is_sound() -> None:
    assert verify(LINKS, COUNT).is_sound
    assert verify([], 0).is_sound


# --- anchors ------------------------------------------------------------------------------------


def test_an_anchor_is_spelled_and_read_again() -> None:
    anchor = Anchor(id=7, hash=row(7).hash)
    assert Anchor.parse(f" {str(anchor).upper()}\n") == anchor
    for text in (
        "",
        "7",
        "7:",
        f"7:{'a' * 63}",
        f"-7:{'a' * 64}",
        f"7:{'g' * 64}",
        f"x:{'a' * 64}",
    ):
        with pytest.raises(InvariantError, match="ID:HASH"):
            Anchor.parse(text)


def test_an_anchor_holds_while_its_row_is_the_same() -> None:
    report = verify(LINKS)
    anchor = Anchor(id=7, hash=row(7).hash)
    assert with_anchor(report, anchor, row(7)) == report
    for found in (None, row(8), row(7)._replace(hash=bytes(32))):
        broken = with_anchor(report, anchor, found)
        assert [(b.kind, b.first_id) for b in broken.breaks] == [(BreakKind.UNANCHORED, 7)]
        assert not broken.is_sound


def test_only_an_anchor_shows_a_chain_sealed_anew_from_some_row_on() -> None:
    links, previous_hash = LINKS[:6], row(6).hash
    for old in LINKS[6:]:
        cells = FORGED if old.id == 7 else old.cells or ()
        links.append(Link(old.id, previous_hash, seal(previous_hash, cells), cells))
        previous_hash = links[-1].hash
    report = verify(links)
    assert report.is_sound
    written_down = Anchor(id=COUNT, hash=row(COUNT).hash)
    assert not with_anchor(report, written_down, links[-1]).is_sound


def test_a_break_says_no_more_than_it_knows() -> None:
    assert msgspec.to_builtins(Break(kind=BreakKind.CHANGED, first_id=1, last_id=1)) == {
        "kind": "changed",
        "first_id": 1,
        "last_id": 1,
        "belongs_at": None,
    }


def test_the_end_of_a_sound_chain_is_sound_wherever_it_is_begun() -> None:
    for first_id in (1, 7, COUNT):
        end = check_end(LINKS[first_id - 1 :], last_id=COUNT)
        assert (end.is_sound, end.row_count) == (True, COUNT - first_id + 1)
        assert end.head == Anchor(id=COUNT, hash=row(COUNT).hash)
    assert check_end([], last_id=0).is_sound


@pytest.mark.parametrize(
    ("links", "last_id"),
    [
        ([], COUNT),
        (LINKS[:-1], COUNT),
        (LINKS, COUNT - 1),
        (LINKS, COUNT + 1),
        ([*LINKS[:5], *LINKS[6:]], COUNT),
        (with_row(row(9)._replace(cells=FORGED)), COUNT),
        (with_row(row(9)._replace(cells=None)), COUNT),
        (with_row(resealed(9)), COUNT),
    ],
)
def test_whatever_is_done_to_the_end_of_a_chain_shows(links: list[Link], last_id: int) -> None:
    assert not check_end(links, last_id=last_id).is_sound
