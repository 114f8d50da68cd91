"""How fast many licenses are issued in one call, against the rate of bare signatures.

The ratio is one of processor time, so that a busy machine or disk does not disturb it. Shown is
also how long others wait for the database meanwhile.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from keysat_adapters.sqlite.key_ring import SQLiteKeyRing, ensure_signing_key
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.sqlite.transaction import SQLiteTransaction
from keysat_adapters.system.clock import SystemClock
from keysat_adapters.system.entropy import SystemEntropy
from keysat_adapters.system.ids import RandomIds
from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind
from keysat_core.domain.product import PriceInput
from keysat_core.domain.self_license import SelfLicense
from keysat_core.limits import ISSUE_MANY_MAX
from keysat_core.signing import SigningKey, parse_key
from keysat_core.use_cases.licenses.issue_licenses import IssueLicenses, issue_licenses
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from tests.support.performance_page import Report

REPORT: Final = Report("bulk_issue")

ROUNDS: Final = 3
SIGNATURES: Final = 20_000
ACTOR: Final = Actor(kind=ActorKind.CLI, scopes=EVERY_SCOPE)


class TimedStore(SQLiteStore):
    """A store that knows how long its last write transaction took."""

    locked_seconds = 0.0

    @contextmanager
    def writing(self) -> Iterator[SQLiteTransaction]:
        with super().writing() as tx:
            began = time.perf_counter()
            yield tx
        self.locked_seconds = time.perf_counter() - began


def signing_seconds(signer: SigningKey, message: bytes) -> float:
    """Processor time of a bare signature."""
    began = time.process_time()
    for _ in range(SIGNATURES):
        signer.sign(message)
    return (time.process_time() - began) / SIGNATURES


def main() -> None:
    clock, entropy, ids = SystemClock(), SystemEntropy(), RandomIds()
    with tempfile.TemporaryDirectory() as folder, TimedStore.open(Path(folder) / "bench.db") as s:
        ensure_signing_key(s, entropy, clock)
        keys = SQLiteKeyRing(s)
        create_product(
            ACTOR,
            CreateProduct(slug="app", name="App", price=PriceInput(price_sats=1_000)),
            store=s,
            clock=clock,
            ids=ids,
            self_license=SelfLicense(),
        )
        order = IssueLicenses(product_slug="app", entitlements=("pro",), count=ISSUE_MANY_MAX)
        REPORT.say(
            f"{'licenses':>10}{'seconds':>10}{'per s':>10}{'of signing':>12}{'locked s':>10}"
        )
        for _ in range(ROUNDS):
            began, began_cpu = time.perf_counter(), time.process_time()
            issued = issue_licenses(ACTOR, order, store=s, clock=clock, ids=ids, keys=keys)
            took = time.perf_counter() - began
            each = (time.process_time() - began_cpu) / len(issued.keys)
            bare = signing_seconds(keys.signing_key(), parse_key(issued.keys[0]).signed_bytes)
            REPORT.say(
                f"{len(issued.keys):10}{took:10.2f}{len(issued.keys) / took:10.0f}"
                f"{bare / each:12.2f}{s.locked_seconds:10.2f}"
            )
    REPORT.keep()


if __name__ == "__main__":
    main()
