"""A harness that finds nothing proves nothing: each rule broken on purpose must be found."""

import re
from typing import Final

import msgspec
import pytest

from tests.support.simulation.bends import (
    ForgettingStore,
    LateStore,
    RememberingFacts,
    StaleStore,
    UncountedFacts,
    bent,
    drop_unique_sale,
    instead,
    none_begun,
    not_begun,
    only_pending,
    uncounted,
    without,
)
from tests.support.simulation.bent_line import BelievingLine, misread
from tests.support.simulation.run import Outcome, shrink, simulate
from tests.support.simulation.world import Bend

SEEDS_MAX: Final = 40
"""Seeds in which each must be found."""

BROKEN: Final = {
    "requests are repeated without regard to their key": (
        bent(idempotency__find_record=instead(None)),
        "one request opened two invoices|the store refused",
    ),
    "a settlement does not look for an earlier one": (
        Bend(store=ForgettingStore),
        "the store refused|effect_at changed",
    ),
    "nor does the database": (
        Bend(store=ForgettingStore, file=drop_unique_sale),
        "has licenses|effect_at changed|was settled with 2 licenses",
    ),
    "invoices are changed as they were read before": (
        Bend(store=StaleStore),
        "invoice.paid for|invoice .* (changed|went) from|was settled with|the store refused",
    ),
    "a sale is written in two transactions": (Bend(store=LateStore), "0 audit rows"),
    "a payment on its way is taken for one that arrived": (
        misread(lambda report: report.is_processing),
        "the service never said so",
    ),
    "a late payment is taken for a good one": (
        misread(lambda report: report.is_paid_late),
        "the service never said so",
    ),
    "a webhook is believed": (
        Bend(line=BelievingLine),
        "the service never said so",
    ),
    "nobody looks at an invoice that has ended": (
        bent(invoices__list_unresolved=only_pending, receipts__list_noted=instead([])),
        "was paid and is still|was paid, we were told|not looked at when it is due",
    ),
    "a revoked license is remembered as it was": (
        Bend(facts=RememberingFacts),
        "is (valid|suspended|revoked), and was \\[",
    ),
    "seats are not counted": (
        msgspec.structs.replace(bent(facts__find_facts=uncounted), facts=UncountedFacts),
        "live machines",
    ),
    "a tip that may have been paid is paid anew": (
        bent(tips__find_tip=not_begun, tips__list_due_tips=none_begun),
        "is tipped by two payments|tip .* (is|went)",
    ),
    "an event is forgotten": (
        bent(trail__append_event=without("event_type", "license.revoked")),
        "0 events license.revoked",
    ),
    "an audit row is forgotten": (
        bent(trail__append_audit=without("action", "machine.deactivate")),
        "0 audit rows machine.deactivate",
    ),
}


def found(bend: Bend) -> Outcome | None:
    for seed in range(SEEDS_MAX):
        outcome = simulate(seed, bend=bend)
        if outcome.problem is not None:
            return outcome
    return None


@pytest.mark.parametrize(("bend", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_found(bend: Bend, problem: str) -> None:
    outcome = found(bend)
    assert outcome is not None
    assert outcome.problem is not None
    assert re.search(problem, outcome.problem), outcome.problem


def test_a_failure_is_cut_down_to_the_fewest_steps_that_show_it() -> None:
    bend, _ = BROKEN["seats are not counted"]
    outcome = found(bend)
    assert outcome is not None
    least = shrink(outcome, bend=bend)
    assert least.problem is not None
    assert least.steps <= outcome.steps_done
    assert simulate(least.seed, least.steps, bend=bend) == least
    assert simulate(least.seed, least.steps - 1, bend=bend).problem is None
