"""Keys that the earlier server gave out, asked of a server that moved in from it.

What each key must be answered is told by the old rows and the rules of the earlier server alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from keysat_adapters.sqlite.activity import Activity
from keysat_adapters.sqlite.cached_facts import CachedFacts
from keysat_adapters.sqlite.key_ring import SQLiteKeyRing
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.machine import Candidate
from keysat_core.domain.validation import Valid
from keysat_core.testing.clock import FixedClock
from keysat_core.testing.ids import SeededIds
from keysat_core.use_cases.licenses.validate_license import ValidateLicense, validate_license
from tests.support.earlier.compare_keys import old_keys
from tests.support.earlier.keys import key_seconds
from tests.support.earlier.moved import MovedShop
from tests.support.earlier.old_rows import OldRow, OldShop
from tests.support.earlier.shop import STOPPED_AT

SOFTWARE: Final = Actor(kind=ActorKind.BUYER, scopes=frozenset())
Ask = Callable[[str, str | None], str]


@pytest.fixture
def ask(moved: MovedShop, tmp_path: Path) -> Iterator[Ask]:
    """Ask for the verdict over a key, and a machine if one is named, when the old server stopped."""
    activity = Activity()
    with SQLiteStore.open(moved.copy(tmp_path)) as store:
        facts, ring, ids = CachedFacts(store), SQLiteKeyRing(store), SeededIds("moved")

        def asked(key: str, fingerprint: str | None) -> str:
            candidate = None if fingerprint is None else Candidate(fingerprint=fingerprint)
            verdict = validate_license(
                SOFTWARE,
                ValidateLicense(key=key, candidate=candidate),
                store=store,
                facts=facts,
                clock=FixedClock(STOPPED_AT),
                ids=ids,
                keys=ring,
                heartbeats=activity.heartbeats,
                validations=activity.validations,
            ).verdict
            return "ok" if isinstance(verdict, Valid) else str(verdict.reason)

        yield asked


def standing(row: OldRow) -> str:
    """Say what the earlier server answered (lifecycles 2.2 and 2.3)."""
    if row["status"] in {"revoked", "suspended"}:
        return str(row["status"])
    if row["status"] != "active":
        # A status that is none was never ok.
        return "suspended"
    ends = key_seconds(row["expires_at"])
    is_over = ends != 0 and ends + max(0, row["grace_seconds"]) <= STOPPED_AT
    return "expired" if is_over else "ok"


def test_every_key_is_answered_as_the_earlier_server_did(moved: MovedShop, ask: Ask) -> None:
    rows = OldShop(moved.shop.path).licenses
    keys = old_keys(moved.shop.path)
    wanted = {id_: standing(rows[id_]) for id_ in keys}
    assert {id_: ask(key, None) for id_, key in keys.items()} == wanted
    assert set(Counter(wanted.values())) == {"ok", "revoked", "suspended", "expired"}


def test_keys_of_the_first_version_stand_and_keep_to_their_machines(
    moved: MovedShop, ask: Ask
) -> None:
    rows = OldShop(moved.shop.path).licenses
    bound = 0
    for id_, key in moved.shop.first_keys.items():
        name = rows[id_]["fingerprint"]
        assert ask(key, name) == standing(rows[id_])
        if name is not None:
            bound += 1
            assert ask(key, "another machine") == "fingerprint_mismatch"
    assert bound > 5


def test_machines_that_were_in_use_still_are(moved: MovedShop, ask: Ask) -> None:
    old = OldShop(moved.shop.path)
    keys = old_keys(moved.shop.path)
    live = [
        row
        for row in old.tables["machines"]
        if row["deactivated_at"] is None and standing(old.licenses[row["license_id"]]) == "ok"
    ]
    # Whoever has a seat keeps it, even beside the lock of another machine (lifecycles 3.2).
    for row in live:
        assert ask(keys[row["license_id"]], row["fingerprint"]) == "ok", row
    assert len(live) > 100
