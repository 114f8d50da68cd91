"""What the core costs, as ratios to libsodium measured in the same run. ``make bench`` runs it.

Variants are interleaved and the best of several rounds counts, so a busy machine disturbs all alike.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nacl.bindings import crypto_sign_open

from keysat_adapters.sqlite.activity import Activity
from keysat_adapters.sqlite.activity_file import activity_path
from keysat_adapters.sqlite.cached_facts import CachedFacts
from keysat_adapters.sqlite.key_ring import SQLiteKeyRing, ensure_signing_key
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.clock import SystemClock
from keysat_adapters.system.entropy import SystemEntropy
from keysat_adapters.system.ids import RandomIds
from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind
from keysat_core.domain.machine import Candidate
from keysat_core.domain.product import PriceInput
from keysat_core.domain.self_license import SelfLicense
from keysat_core.signing import SigningKey, Verifier, parse_key
from keysat_core.use_cases.licenses.issue_license import IssueLicense, issue_license
from keysat_core.use_cases.licenses.validate_license import ValidateLicense, validate_license
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from tests.support.performance_page import keep_result, rows

ROUNDS: Final = 15
CALLS: Final = 200
ACTOR: Final = Actor(kind=ActorKind.CLI, scopes=EVERY_SCOPE)


def best_microseconds(variants: dict[str, Callable[[], object]]) -> dict[str, float]:
    best = dict.fromkeys(variants, float("inf"))
    for _ in range(ROUNDS):
        for name, call in variants.items():
            began = time.perf_counter()
            for _ in range(CALLS):
                call()
            best[name] = min(best[name], (time.perf_counter() - began) / CALLS * 1e6)
    return best


def main() -> None:
    clock, entropy, ids = SystemClock(), SystemEntropy(), RandomIds()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        with SQLiteStore.open(path) as store:
            ensure_signing_key(store, entropy, clock)
            keys = SQLiteKeyRing(store)
            activity = Activity(activity_path(path))
            facts = CachedFacts(store)
            create_product(
                ACTOR,
                CreateProduct(slug="app", name="App", price=PriceInput(price_sats=1_000)),
                store=store,
                clock=clock,
                ids=ids,
                self_license=SelfLicense(),
            )
            order = IssueLicense(product_slug="app", max_machines=0)

            def issue() -> str:
                issued = issue_license(ACTOR, order, store=store, clock=clock, ids=ids, keys=keys)
                return issued.key

            text = issue()
            plain = ValidateLicense(key=text, product_slug="app")
            seated = ValidateLicense(key=text, candidate=Candidate(fingerprint="bench"))

            def validate(command: ValidateLicense) -> object:
                return validate_license(
                    ACTOR,
                    command,
                    store=store,
                    facts=facts,
                    clock=clock,
                    ids=ids,
                    keys=keys,
                    heartbeats=activity.heartbeats,
                    validations=activity.validations,
                )

            parsed = parse_key(text)
            signed = parsed.signature + parsed.signed_bytes
            verify_key = keys.signing_key().verify_key
            verifier = Verifier(verify_key)
            signer = SigningKey.from_seed(entropy.token(32))
            best = best_microseconds(
                {
                    "libsodium verify": lambda: crypto_sign_open(signed, verify_key.raw),
                    "Verifier.verify": lambda: verifier.verify(text),
                    "validate, no machine": lambda: validate(plain),
                    "validate, known machine": lambda: validate(seated),
                    "sign": lambda: signer.sign(parsed.signed_bytes),
                    "issue a license, durably": issue,
                }
            )
            activity.close()
            facts.close()
    floor = best["libsodium verify"]
    keep_result(
        "core_costs",
        rows(
            ("", "µs", "of one verify"),
            [(name, f"{cost:.1f}", f"{cost / floor:.2f}") for name, cost in best.items()],
        ),
    )


if __name__ == "__main__":
    main()
