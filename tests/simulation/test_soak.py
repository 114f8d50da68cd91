"""Purchases by the ten thousand, paid at BTCPay's double under every fault: our books are theirs."""

import re
from typing import Final

import msgspec
import pytest

from tests.support.simulation.bends import (
    ForgettingStore,
    StaleStore,
    bent,
    instead,
    only_pending,
)
from tests.support.soak.bends import (
    believing,
    drop_unique_sale,
    not_heard,
    taken_for_paid,
    trusting,
)
from tests.support.soak.program import said_by
from tests.support.soak.run import Outcome, report, soak
from tests.support.soak.shop import Bend

SECONDS: Final = 300
"""What a busy machine takes for one small run, and more."""

STORMS: Final = 8
FEW: Final = 300
FEW_SEEDS: Final = 30
"""Seeds in which each broken rule must be found."""

BROKEN: Final = {
    "a settlement does not look for an earlier one": (
        Bend(store=ForgettingStore),
        "StoreUnavailable|effect_at changed|two licenses",
    ),
    "nor does the database": (
        Bend(store=ForgettingStore, schema=drop_unique_sale),
        "two licenses|effect_at changed",
    ),
    "invoices are changed as they were read before": (
        Bend(store=StaleStore),
        "invoice .* (went|became|changed)|at the provider|had its effect twice|two licenses",
    ),
    "a payment on its way is taken for one that arrived": (
        taken_for_paid(lambda report: report.is_processing),
        "the provider never said so",
    ),
    "a late payment is taken for a good one": (
        taken_for_paid(lambda report: report.is_paid_late),
        "the provider never said so",
    ),
    "a part is taken for the whole": (
        taken_for_paid(lambda report: report.raw_status == "Expired/PaidPartial"),
        "the provider never said so",
    ),
    "a claim of a webhook is believed": (believing(), "the provider never said so"),
    "a signature is not looked at": (trusting(), "bad signature was taken"),
    "an invoice marked by hand is not taken for settled": (
        not_heard(lambda report: report.marked_by_hand),
        "was paid and is still",
    ),
    "an overpaid invoice is not taken for settled": (
        not_heard(lambda report: report.raw_status == "Settled/PaidOver"),
        "was paid and is still",
    ),
    "nobody looks at an invoice that has ended": (
        msgspec.structs.replace(
            Bend(),
            store=bent(
                invoices__list_unresolved=only_pending, receipts__list_noted=instead([])
            ).store,
        ),
        "was paid and is still|not looked at when it is due",
    ),
}


def hold(outcome: Outcome) -> None:
    if outcome.problem is not None:
        pytest.fail(report(outcome), pytrace=False)


@pytest.mark.parametrize("seed", range(STORMS))
def test_it_has_so_when_hardly_anything_succeeds_at_once(seed: int) -> None:
    hold(soak(seed, FEW, is_storm=True))


def test_a_seed_gives_the_same_run_again_to_the_letter() -> None:
    first, second = (soak(7, FEW, lines_kept=None) for _ in range(2))
    assert first == second
    assert first.digest != soak(8, FEW).digest


def test_a_seed_gives_the_same_run_in_another_interpreter() -> None:
    assert soak(7, FEW).digest in said_by("--seed=7", f"--purchases={FEW}", seconds=SECONDS)


def test_a_run_over_a_file_and_the_http_library_is_the_same_to_the_letter() -> None:
    light, whole = (soak(9, FEW, is_whole=is_whole) for is_whole in (False, True))
    hold(whole)
    assert light == whole


@pytest.mark.parametrize(("bend", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_found(bend: Bend, problem: str) -> None:
    for seed in range(FEW_SEEDS):
        outcome = soak(seed, FEW, bend=bend)
        if outcome.problem is not None:
            assert re.search(problem, outcome.problem), outcome.problem
            return
    pytest.fail("it was never found")


def test_a_failure_says_how_to_see_it_again() -> None:
    failed = msgspec.structs.replace(soak(3, 50), problem="Violation: two licenses")
    said = report(failed)
    assert "seed 3 failed with 50 purchases: Violation: two licenses" in said
    assert "make soak SEED=3 PURCHASES=50" in said
    assert said.endswith("\n".join(failed.lines))
    stormy = msgspec.structs.replace(failed, is_storm=True)
    assert "make soak SEED=3 PURCHASES=50 ARGS=--storm" in report(stormy)
