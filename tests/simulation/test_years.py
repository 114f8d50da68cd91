"""Two years of some dozens of buyers, and of a shop that breaks a rule."""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest

from keysat_core.domain.license import License
from keysat_core.domain.sale_record import SaleFacts
from keysat_core.ports.store import Store
from tests.support.simulation.bends import bent, instead
from tests.support.years.run import Outcome, report, two_years

FEW: Final = 30
SEEDS: Final = 3
FEW_SEEDS: Final = 20
"""Seeds in which each broken rule must be found."""
HANDFUL: Final = 8
"""Buyers enough to find most of them; the fewer there are, the sooner their two years are over."""

Bend = Callable[[Store], Store]


def as_issued(store: Store) -> Store:
    """Write a license once, and forget whatever happens to it later."""
    known: set[str] = set()

    def once(put: Callable[[License], None]) -> Callable[[License], None]:
        def write(license: License) -> None:
            if license.id not in known:
                known.add(license.id)
                put(license)

        return write

    return bent(licenses__put_license=once).store(store)


def facts_without(field: str) -> Bend:
    """Overlook what an invoice pays for."""

    def overlooking(get: Callable[..., SaleFacts]) -> Callable[..., SaleFacts]:
        return lambda *asked: msgspec.structs.replace(get(*asked), **{field: None})

    return bent(sales__get_facts=overlooking).store


def for_ever(put: Callable[[License], None]) -> Callable[[License], None]:
    """Give every license a year for nothing."""

    def write(license: License) -> None:
        end = license.expires_at
        put(
            license
            if end is None
            else msgspec.structs.replace(license, expires_at=end + 31_536_000)
        )

    return write


def half_paid(put: Callable[[Any], None]) -> Callable[[Any], None]:
    """Book half of what is paid."""

    def write(invoice: Any) -> None:
        put(msgspec.structs.replace(invoice, amount_sats=invoice.amount_sats // 2))

    return write


CHANGE_TAKEN_FOR_PURCHASE: Final = "a change of tier is taken for a purchase"
"""Of a handful nearly nobody changes."""

BROKEN: Final[dict[str, tuple[Bend, str]]] = {
    "a paid cycle extends nothing": (
        as_issued,
        "is valid: False|is valid: True|without",
    ),
    "a license lasts longer than what is paid": (
        bent(licenses__put_license=for_ever).store,
        "is valid: True",
    ),
    "a renewal is taken for a purchase": (
        facts_without("billed"),
        "issued for a cycle or a change of tier|is valid|our books have",
    ),
    CHANGE_TAKEN_FOR_PURCHASE: (
        facts_without("ordered"),
        "issued for a cycle or a change of tier|is valid|our books have",
    ),
    "a use of a code is not counted": (
        bent(
            codes__put_code=lambda put: (
                lambda code: put(msgspec.structs.replace(code, used_count=0))
            )
        ).store,
        "whose count is not that of its uses",
    ),
    "nobody looks at what is due": (
        bent(subscriptions__list_due_subscriptions=instead([])).store,
        "still billed|though nobody paid|is valid",
    ),
    "our books have another amount": (
        bent(invoices__put_invoice=half_paid).store,
        "our books have|price of invoice",
    ),
}


def hold(outcome: Outcome) -> None:
    if outcome.problem is not None:
        pytest.fail(report(outcome), pytrace=False)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_rule_holds(seed: int) -> None:
    hold(two_years(seed, FEW))


def test_a_seed_gives_the_same_years_again_to_the_letter() -> None:
    first, second = (two_years(7, 12) for _ in range(2))
    assert first == second
    assert first.digest != two_years(8, 12).digest


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_found(rule: str) -> None:
    bend, problem = BROKEN[rule]
    buyers = FEW if rule == CHANGE_TAKEN_FOR_PURCHASE else HANDFUL
    for seed in range(FEW_SEEDS):
        outcome = two_years(seed, buyers, bend=bend)
        if outcome.problem is not None:
            assert re.search(problem, outcome.problem), outcome.problem
            return
    pytest.fail("it was never found")


def test_a_failure_says_how_to_see_it_again() -> None:
    failed = msgspec.structs.replace(two_years(3, 5), problem="Violation: two licenses")
    said = report(failed)
    assert "seed 3: Violation: two licenses" in said
    assert said.endswith("make years SEED=3 BUYERS=5")
