"""What the cache of license facts promises beyond its port: its bound, and when it forgets."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from keysat_adapters.sqlite import facts as statements
from keysat_adapters.sqlite.cached_facts import FACTS_BYTES_MAX, CachedFacts
from keysat_adapters.sqlite.connection import open_reader
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.machine import Machine
from keysat_core.errors import StoreUnavailable
from tests.support.builders import NOW, make_license, make_machine, new_id, stored_shop
from tests.support.program import clean_environment

SUSPEND = (
    "import apsw, sys; c = apsw.Connection(sys.argv[1]);"
    "c.execute(\"UPDATE licenses SET status = 'suspended'\").fetchall()"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keysat.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore.open(path) as store:
        yield store


def licensed(store: SQLiteStore, count: int = 1) -> list[LicenseId]:
    shop = stored_shop(store)
    licenses = [make_license(shop.product) for _ in range(count)]
    with store.writing() as tx:
        for license in licenses:
            tx.licenses.put_license(license)
    return [license.id for license in licenses]


def seated(store: SQLiteStore, license_id: LicenseId) -> Machine:
    with store.writing() as tx:
        machine = make_machine(tx.licenses.get_license(license_id))
        tx.machines.put_machine(machine)
    return machine


def more_licenses(store: SQLiteStore, like: LicenseId) -> list[LicenseId]:
    with store.writing() as tx:
        license = msgspec.structs.replace(
            tx.licenses.get_license(like), id=LicenseId(new_id()), invoice_id=None
        )
        tx.licenses.put_license(license)
    return [license.id]


def test_what_nobody_changed_is_read_once(store: SQLiteStore) -> None:
    (license_id,) = licensed(store)
    machine = seated(store, license_id)
    with closing(CachedFacts(store)) as facts:
        first = facts.find_facts(license_id, machine.fingerprint_hash)
        assert facts.find_facts(license_id, machine.fingerprint_hash) is first
        assert facts.find_facts(license_id, None) is not first
        assert facts.find_facts(license_id, None) is facts.find_facts(license_id, None)


def test_what_a_stranger_makes_up_is_not_kept(store: SQLiteStore) -> None:
    (license_id,) = licensed(store)
    with closing(CachedFacts(store, facts_max=1)) as facts:
        kept = facts.find_facts(license_id, None)
        for number in range(3):
            made_up = f"made up {number}"
            first = facts.find_facts(license_id, made_up)
            assert facts.find_facts(license_id, made_up) is not first
        assert facts.find_facts(license_id, None) is kept


@pytest.mark.parametrize(
    ("fields", "is_kept"),
    [
        ({"metadata": {"notes": "x" * FACTS_BYTES_MAX}}, False),
        ({"entitlements": ("e" * 250,) * (FACTS_BYTES_MAX // 250 + 1)}, False),
        ({"fingerprint": "f" * FACTS_BYTES_MAX}, True),
        ({"fingerprint": "f" * FACTS_BYTES_MAX + "f"}, False),
        ({"fingerprint": "f" * (FACTS_BYTES_MAX // 2) + "\N{KEY}"}, False),
    ],
)
def test_what_is_large_is_not_kept(
    *, store: SQLiteStore, fields: dict[str, Any], is_kept: bool
) -> None:
    (license_id,) = licensed(store)
    with store.writing() as tx:
        license = tx.licenses.get_license(license_id)
        tx.licenses.put_license(
            msgspec.structs.replace(license, **{"entitlements": (), "metadata": {}, **fields})
        )
    with closing(CachedFacts(store)) as facts:
        first = facts.find_facts(license_id, None)
        assert (facts.find_facts(license_id, None) is first) is is_kept


def test_facts_as_of_now_see_what_was_committed_before_and_read_what_they_lack(
    store: SQLiteStore,
) -> None:
    (license_id,) = licensed(store)
    with closing(CachedFacts(store)) as facts:
        known = facts.find_facts(license_id, None)
        assert facts.as_of_now().find_facts(license_id, None) is known
        seated(store, license_id)
        fresh = facts.as_of_now()
        assert fresh.find_facts(license_id, None) is not known
        (other,) = more_licenses(store, license_id)
        assert fresh.find_facts(other, None) is not None


def test_a_commit_of_another_process_is_seen_at_once(store: SQLiteStore, path: Path) -> None:
    (license_id,) = licensed(store)
    with closing(CachedFacts(store)) as facts:
        assert facts.find_facts(license_id, None) is not None
        subprocess.run(  # noqa: S603  our own words
            [sys.executable, "-c", SUSPEND, str(path)], check=True, env=clean_environment()
        )
        known = facts.find_facts(license_id, None)
    assert known is not None
    assert known.license.status is LicenseStatus.SUSPENDED


def test_only_so_many_are_kept_and_the_oldest_leave(store: SQLiteStore) -> None:
    ids = licensed(store, 3)
    with closing(CachedFacts(store, facts_max=2)) as facts:
        kept = {id_: facts.find_facts(id_, None) for id_ in ids}
        assert facts.find_facts(ids[1], None) is kept[ids[1]]
        assert facts.find_facts(ids[2], None) is kept[ids[2]]
        assert facts.find_facts(ids[0], None) is not kept[ids[0]]


def test_threads_that_ask_while_others_commit_never_see_an_older_state(store: SQLiteStore) -> None:
    (license_id,) = licensed(store)
    with closing(CachedFacts(store)) as facts, ThreadPoolExecutor(4) as pool:

        def seats_seen() -> list[int]:
            seen = []
            for _ in range(200):
                known = facts.find_facts(license_id, None)
                assert known is not None
                seen.append(known.license.max_machines)
            return seen

        asking = [pool.submit(seats_seen) for _ in range(3)]
        for seats in range(2, 60):
            with store.writing() as tx:
                license = tx.licenses.get_license(license_id)
                tx.licenses.put_license(make_license(id=license_id, product_id=license.product_id,
                                                     policy_id=None, max_machines=seats))  # fmt: skip
            known = facts.find_facts(license_id, None)
            assert known is not None
            assert known.license.max_machines == seats
        for future in asking:
            seen = future.result(timeout=60)
            assert seen == sorted(seen)


def test_no_read_transaction_stays_open_behind_an_answer(store: SQLiteStore, path: Path) -> None:
    (license_id,) = licensed(store)
    with closing(CachedFacts(store)) as facts, closing(apsw.Connection(str(path))) as other:
        facts.find_facts(license_id, "h")
        with store.writing() as tx:
            tx.settings.put_setting("operator_name", "Shop", NOW)
        # A reader that held on to its snapshot would keep the log from being emptied.
        busy, *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
        assert busy == 0


def test_a_closed_cache_says_so(store: SQLiteStore) -> None:
    facts = CachedFacts(store)
    facts.close()
    with pytest.raises(StoreUnavailable):
        facts.find_facts(LicenseId(new_id()), None)


@pytest.mark.parametrize("sql", [statements._FACTS, statements._FACTS_WITH_SEATS])
def test_the_facts_are_read_without_preparing_the_statement_anew(
    store: SQLiteStore, path: Path, sql: str
) -> None:
    ids = licensed(store, 5)
    prepared = []

    def watch(event: dict[str, object]) -> None:
        status = event["stmt_status"]
        assert isinstance(status, dict)
        prepared.append(status["SQLITE_STMTSTATUS_REPREPARE"])

    with closing(open_reader(path)) as connection:
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, watch)
        for number, id_ in enumerate(ids):
            values = (id_, f"hash {number}") if sql == statements._FACTS_WITH_SEATS else (id_,)
            assert len(connection.execute(sql, values).fetchall()) == 1
    assert prepared == [0] * len(ids)
