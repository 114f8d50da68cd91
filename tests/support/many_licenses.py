"""A shop with many licenses, for benchmarks, and the questions their machines ask."""

from pathlib import Path
from typing import Final

import msgspec

from keysat_adapters.sqlite.key_ring import SQLiteKeyRing, ensure_signing_key
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.clock import SystemClock
from keysat_adapters.system.entropy import SystemEntropy
from keysat_adapters.system.ids import RandomIds
from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind
from keysat_core.domain.ids import LicenseId, MachineId
from keysat_core.domain.license import License, key_of
from keysat_core.domain.machine import Machine
from keysat_core.domain.product import PriceInput
from keysat_core.domain.self_license import SelfLicense
from keysat_core.signing import SigningKey, fingerprint_hash
from keysat_core.use_cases.products.create_product import CreateProduct, create_product

BATCH: Final = 20_000
OPERATOR: Final = Actor(kind=ActorKind.CLI, scopes=EVERY_SCOPE)


def make_shop(path: Path, *, licenses: int, seated: int, questions: Path) -> None:
    """Make a database; the first ``seated`` licenses have a machine each, whose questions are kept.

    ``questions`` gets one body of ``POST /v1/validate`` a line.
    """
    clock, ids = SystemClock(), RandomIds()
    with SQLiteStore.open(path) as store, questions.open("wb") as lines:
        ensure_signing_key(store, SystemEntropy(), clock)
        signing_key = SQLiteKeyRing(store).signing_key()
        product = create_product(
            OPERATOR,
            CreateProduct(slug="app", name="App", price=PriceInput(price_sats=1_000)),
            store=store,
            clock=clock,
            ids=ids,
            self_license=SelfLicense(),
        )
        now = clock.now()
        for start in range(0, licenses, BATCH):
            with store.writing() as tx:
                for number in range(start, min(licenses, start + BATCH)):
                    license = License(
                        id=LicenseId(ids.new()),
                        product_id=product.id,
                        issued_at=now,
                        max_machines=3,
                        entitlements=("pro", "sync"),
                    )
                    tx.licenses.put_license(license)
                    if number < seated:
                        fingerprint = f"machine-{number:07d}-of-the-benchmark"
                        tx.machines.put_machine(
                            Machine(
                                id=MachineId(ids.new()),
                                license_id=license.id,
                                fingerprint=fingerprint,
                                fingerprint_hash=fingerprint_hash(fingerprint).hex(),
                                activated_at=now,
                                last_heartbeat_at=now,
                            )
                        )
                        lines.write(_question(license, signing_key, fingerprint) + b"\n")


def forge(questions: Path, forged: Path, *, every: int) -> None:
    """Copy questions, with another signature in each ``every``-th key."""
    with questions.open("rb") as good, forged.open("wb") as out:
        for number, line in enumerate(good):
            asked = msgspec.json.decode(line)
            if number % every == 0:
                key = asked["key"]
                # All but the last characters of a signature may be anything.
                asked["key"] = key[:-60] + ("A" if key[-60] != "A" else "B") + key[-59:]
            out.write(msgspec.json.encode(asked) + b"\n")


def _question(license: License, signing_key: SigningKey, fingerprint: str) -> bytes:
    key = key_of(license, signing_key)
    return msgspec.json.encode({"key": key, "product_slug": "app", "fingerprint": fingerprint})
