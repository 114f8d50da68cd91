"""What a backup costs, against ``cp`` and fsync in the same run, and what a server feels of it.

``make bench`` runs it. ``--licenses`` says how large the database is; a million make about 0.7 GB.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Final

import apsw

from keysat_adapters.sqlite.activity import Activity
from keysat_adapters.sqlite.cached_facts import CachedFacts
from keysat_adapters.sqlite.database_file import look_into
from keysat_adapters.sqlite.key_ring import SQLiteKeyRing, ensure_signing_key
from keysat_adapters.sqlite.snapshot import copy_database, partial_for
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.clock import SystemClock
from keysat_adapters.system.entropy import SystemEntropy
from keysat_adapters.system.ids import RandomIds
from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind
from keysat_core.domain.inspection import problems_of
from keysat_core.domain.product import PriceInput
from keysat_core.domain.self_license import SelfLicense
from keysat_core.use_cases.licenses.issue_license import IssueLicense, issue_license
from keysat_core.use_cases.licenses.validate_license import ValidateLicense, validate_license
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from keysat_core.use_cases.server.verify_database import verify_database
from tests.support.performance_page import Report

REPORT: Final = Report("backup")

LICENSES: Final = 300_000
ROUNDS: Final = 3
QUIET_SECONDS: Final = 3.0
ACTOR: Final = Actor(kind=ActorKind.CLI, scopes=EVERY_SCOPE)
CLOCK, ENTROPY, IDS = SystemClock(), SystemEntropy(), RandomIds()

_FILL: Final = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO licenses (id, product_id, status, issued_at, grace_seconds, max_machines, is_trial,
                      entitlements, metadata, buyer_email, buyer_email_folded)
SELECT lower(printf('%s-%s-4%s-8%s-%s', hex(randomblob(4)), hex(randomblob(2)),
                    substr(hex(randomblob(2)), 2), substr(hex(randomblob(2)), 2),
                    hex(randomblob(6)))),
       (SELECT id FROM products), 'active', 1800000000 + i, 0, 1, 0, '["sync"]',
       '{"source":"bench"}', 'b' || i || '@example.com', 'b' || i || '@example.com'
FROM n
"""

_COPY: Final = """
import sys
from pathlib import Path
from keysat_adapters.sqlite.snapshot import copy_database, partial_for
with partial_for(Path(sys.argv[2])) as partial:
    copy_database(Path(sys.argv[1]), partial)
"""


def make_shop(path: Path, count: int) -> None:
    with SQLiteStore.open(path) as store:
        ensure_signing_key(store, ENTROPY, CLOCK)
        create_product(
            ACTOR,
            CreateProduct(slug="app", name="App", price=PriceInput(price_sats=1_000)),
            store=store,
            clock=CLOCK,
            ids=IDS,
            self_license=SelfLicense(),
        )
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(_FILL, (count,)).fetchall()


def seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def plain_copy(source: Path, target: Path) -> None:
    """What ``cp`` and ``sync`` would do, with the server stopped."""
    with source.open("rb") as reading, target.open("wb") as writing:
        shutil.copyfileobj(reading, writing, 1 << 20)
        writing.flush()
        os.fsync(writing.fileno())
    target.unlink()


def our_copy(source: Path, target: Path) -> None:
    with partial_for(target) as partial:
        copy_database(source, partial)


def compare_copies(path: Path) -> None:
    target = path.with_name("copy.db")
    plain, ours = [], []
    for _ in range(ROUNDS):
        plain.append(seconds_of(lambda: plain_copy(path, target)))
        ours.append(seconds_of(lambda: our_copy(path, target)))
    ratio = median(plain) / median(ours)
    REPORT.say(f"cp and fsync               {median(plain):8.2f} s")
    REPORT.say(
        f"backup, at rest            {median(ours):8.2f} s   {ratio:.2f} of cp (target 0.50)"
    )


class Traffic:
    """Validations and durable commits in turn, and the longest time each took."""

    def __init__(self, path: Path) -> None:
        self._store = SQLiteStore.open(path)
        self._keys = SQLiteKeyRing(self._store)
        self._activity = Activity()
        self._facts = CachedFacts(self._store)
        self._key = self._issue()

    def run(self, is_over: Callable[[], bool]) -> tuple[int, float, float]:
        """Work until it is over; give the commits and the longest validation and commit in ms."""
        commits, validation, commit = 0, 0.0, 0.0
        while not is_over():
            validation = max(validation, seconds_of(self._validate))
            commit = max(commit, seconds_of(self._issue))
            commits += 1
        return commits, validation * 1e3, commit * 1e3

    def close(self) -> None:
        self._activity.close()
        self._facts.close()
        self._store.close()

    def _issue(self) -> str:
        order = IssueLicense(product_slug="app")
        issued = issue_license(
            ACTOR, order, store=self._store, clock=CLOCK, ids=IDS, keys=self._keys
        )
        return issued.key

    def _validate(self) -> None:
        validate_license(
            ACTOR,
            ValidateLicense(key=self._key),
            store=self._store,
            facts=self._facts,
            clock=CLOCK,
            ids=IDS,
            keys=self._keys,
            heartbeats=self._activity.heartbeats,
            validations=self._activity.validations,
        )


def measure_pauses(path: Path) -> None:
    traffic = Traffic(path)
    deadline = time.perf_counter() + QUIET_SECONDS
    _, validation, commit = traffic.run(lambda: time.perf_counter() > deadline)
    REPORT.say(
        f"without a backup           longest validation {validation:.1f} ms, commit {commit:.1f} ms"
    )
    began = time.perf_counter()
    words = [sys.executable, "-c", _COPY, str(path), str(path.with_name("busy.db"))]
    with subprocess.Popen(words) as process:  # noqa: S603  the words are our own
        commits, validation, commit = traffic.run(lambda: process.poll() is not None)
    took = time.perf_counter() - began
    assert process.returncode == 0
    REPORT.say(
        f"backup beside {commits:6} commits{took:8.2f} s   from start of its process to its end"
    )
    REPORT.say(
        f"meanwhile                  longest validation {validation:.1f} ms, commit {commit:.1f} ms"
    )
    traffic.close()


def measure_verifying(path: Path) -> None:
    with look_into(path) as database:
        count = database.tallies().license_count
        began = time.perf_counter()
        findings = verify_database(database=database, progress=lambda _, __: None)
        took = time.perf_counter() - began
    assert problems_of(findings) == ()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    REPORT.say(f"verify                     {took:8.2f} s   {count / took:,.0f} licenses/s")
    REPORT.say(f"memory at its highest      {peak:8.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--licenses", type=int, default=LICENSES)
    count = parser.parse_args().licenses
    with tempfile.TemporaryDirectory(prefix="keysat-bench-") as folder:
        path = Path(folder) / "keysat.db"
        make_shop(path, count)
        REPORT.say(f"{count:,} licenses, {path.stat().st_size / 1e6:,.0f} MB")
        compare_copies(path)
        measure_pauses(path)
        measure_verifying(path)
    REPORT.keep()


if __name__ == "__main__":
    main()
