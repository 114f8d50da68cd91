"""Whatever the rows say and whichever of them is tampered with, it is found and located."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import apsw
from hypothesis import given
from hypothesis import strategies as st

from keysat_adapters.sqlite.audit_seals import SEALED_COLUMNS
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.audit import AuditEntry
from keysat_core.testing import strategies as values
from tests.support.builders import NOW, make_audit
from tests.support.tampering import verified_in

SEALS = ("previous_hash", "hash")
FOREIGN = (
    "INSERT INTO audit_log (id, actor_kind, action, details, occurred_at)"
    " VALUES (?, 'cli', 'foreign', '{}', 1)"
)
COPY = (
    f"INSERT INTO audit_log (id, {', '.join(SEALED_COLUMNS + SEALS)})"  # noqa: S608
    f" SELECT ?, {', '.join(SEALED_COLUMNS + SEALS)} FROM audit_log WHERE id = ?"
)

optional_texts = st.none() | values.texts()
entries = st.builds(
    make_audit,
    actor_kind=values.texts(),
    actor_hash=optional_texts,
    action=values.texts(),
    target_kind=optional_texts,
    target_id=optional_texts,
    request_ip=optional_texts,
    user_agent=optional_texts,
    details=st.dictionaries(values.texts(), st.none() | st.integers(0, 9) | values.texts()),
    occurred_at=st.integers(0, NOW),
)
logs = st.lists(entries, min_size=2, max_size=9)


@contextmanager
def written(log: list[AuditEntry]) -> Iterator[tuple[SQLiteStore, apsw.Connection]]:
    """Write a log and give its store, and the connection behind its back."""
    with SQLiteStore.open() as store:
        with store.writing() as tx:
            tx.trail.append_audits(log[:1])
            for entry in log[1:]:
                tx.trail.append_audit(entry)
        connection = store._writer.session.connection
        connection.pragma("ignore_check_constraints", 1)
        yield store, connection


def run(connection: apsw.Connection, sql: str, *bound: Any) -> list[Any]:
    return connection.execute(sql, bound).fetchall()


def make_room(connection: apsw.Connection, row_id: int, count: int = 1) -> None:
    """Give the rows from an id on higher ids."""
    run(connection, "UPDATE audit_log SET id = -id WHERE id >= ?", row_id)
    run(connection, "UPDATE audit_log SET id = -id + ? WHERE id < 0", count)


@given(log=logs)
def test_an_untouched_log_verifies(log: list[AuditEntry]) -> None:
    with written(log) as (store, _):
        assert verified_in(store) == []


@given(log=logs, data=st.data())
def test_any_flipped_bits_of_any_value_are_located(log: list[AuditEntry], data: Any) -> None:
    with written(log) as (store, connection):
        row_id = data.draw(st.integers(1, len(log)), label="row")
        column = data.draw(st.sampled_from(SEALED_COLUMNS + SEALS), label="column")
        mask = data.draw(st.integers(1, 255), label="mask")
        ((value,),) = run(connection, f"SELECT {column} FROM audit_log WHERE id = ?", row_id)  # noqa: S608
        cast = "?"
        if isinstance(value, int):
            changed: Any = value ^ mask
        elif not value:
            changed = "x"
        else:
            raw = bytearray(value if isinstance(value, bytes) else value.encode())
            raw[data.draw(st.integers(0, len(raw) - 1), label="byte")] ^= mask
            cast = "?" if isinstance(value, bytes) else "CAST(? AS TEXT)"
            changed = bytes(raw)
        run(connection, f"UPDATE audit_log SET {column} = {cast} WHERE id = ?", changed, row_id)  # noqa: S608
        assert verified_in(store) in (
            [("changed", row_id, row_id, None)],
            [("unreadable", row_id, row_id, None)],
        )


@given(log=logs, data=st.data())
def test_any_removed_rows_are_located(log: list[AuditEntry], data: Any) -> None:
    """The first ones and the last ones are no exception."""
    with written(log) as (store, connection):
        row_ids = st.sets(st.integers(1, len(log)), min_size=1)
        missing = sorted(data.draw(row_ids, label="rows"))
        for row_id in missing:
            run(connection, "DELETE FROM audit_log WHERE id = ?", row_id)
        runs = [
            [row_id for _, row_id in group]
            for _, group in groupby(enumerate(missing), key=lambda pair: pair[1] - pair[0])
        ]
        assert verified_in(store) == [("removed", ids[0], ids[-1], None) for ids in runs]


@given(log=logs, data=st.data())
def test_any_two_swapped_rows_are_located(log: list[AuditEntry], data: Any) -> None:
    with written(log) as (store, connection):
        pair = st.lists(st.integers(1, len(log)), min_size=2, max_size=2, unique=True)
        one, two = sorted(data.draw(pair, label="rows"))
        for before, after in ((one, -1), (two, one), (-1, two)):
            run(connection, "UPDATE audit_log SET id = ? WHERE id = ?", after, before)
        assert verified_in(store) == [("reordered", one, one, two), ("reordered", two, two, one)]


@given(log=logs, data=st.data())
def test_any_order_but_the_true_one_is_seen(log: list[AuditEntry], data: Any) -> None:
    with written(log) as (store, connection):
        true_order = list(range(1, len(log) + 1))
        order = data.draw(st.permutations(true_order), label="order")
        run(connection, "UPDATE audit_log SET id = -id")
        for row_id, place in zip(true_order, order, strict=True):
            run(connection, "UPDATE audit_log SET id = ? WHERE id = ?", place, -row_id)
        belongs = dict(zip(order, true_order, strict=True))
        found = {
            first + n: (belongs_at or 0) + n
            for _, first, last, belongs_at in verified_in(store)
            for n in range(last - first + 1)
        }
        assert found == {place: true for place, true in belongs.items() if place != true}


@given(log=logs, data=st.data())
def test_a_row_moved_anywhere_is_told_where_it_belongs(log: list[AuditEntry], data: Any) -> None:
    with written(log) as (store, connection):
        row_id = data.draw(st.integers(1, len(log) - 1), label="row")
        to = data.draw(st.integers(-9, 0) | st.integers(len(log) + 1, 99), label="to")
        run(connection, "UPDATE audit_log SET id = ? WHERE id = ?", to, row_id)
        assert verified_in(store) == [("reordered", to, to, row_id)]


@given(log=logs, data=st.data())
def test_any_foreign_rows_are_located(log: list[AuditEntry], data: Any) -> None:
    with written(log) as (store, connection):
        row_id = data.draw(st.integers(1, len(log) + 1), label="row")
        count = data.draw(st.integers(1, 3), label="how many")
        make_room(connection, row_id, count)
        for number in range(count):
            run(connection, FOREIGN, row_id + number)
        kind = "inserted" if row_id <= len(log) else "changed"
        assert verified_in(store) == [(kind, row_id, row_id + count - 1, None)]


@given(log=logs, data=st.data())
def test_any_copy_of_a_row_is_located(log: list[AuditEntry], data: Any) -> None:
    with written(log) as (store, connection):
        original = data.draw(st.integers(1, len(log)), label="original")
        row_id = data.draw(st.integers(1, len(log) + 1), label="copy")
        make_room(connection, row_id)
        run(connection, COPY, row_id, original + (original >= row_id))
        ((kind, first_id, last_id, _),) = verified_in(store)
        if row_id == original + 1:
            # The copy and its original stand side by side and are the same.
            assert (kind, first_id, last_id) == ("inserted", original, original)
        elif row_id <= len(log) or original == 1:
            assert (kind, first_id, last_id) == ("inserted", row_id, row_id)
        else:
            assert (kind, first_id, last_id) == ("severed", row_id - 1, row_id)
