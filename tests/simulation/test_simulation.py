"""Years of trade under every kind of weather: each seed is a shop of its own, and every rule holds."""

import secrets
import subprocess
import sys
from typing import Final

import msgspec
import pytest

from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.ports.bundle import Ports
from keysat_http.shop_ticks import shop_ticks
from tests.support.simulation.faults import Odds
from tests.support.simulation.run import STEPS, Outcome, report, shrink, simulate
from tests.support.simulation.workers import TICKS
from tests.support.tree import ROOT

SEEDS: Final = tuple(range(1, 25))
"""Runs that everybody makes; together they meet every fault there is."""

FRESH_SEEDS: Final = 6
"""Runs that nobody has made before; one that fails is printed and can be made again."""

LONG_STEPS: Final = 4_000

EVENTS: Final = {
    "invoice.expired",
    "invoice.opened",
    "invoice.paid",
    "invoice.refunded",
    "invoice.settled",
    "license.issued",
    "license.revoked",
    "license.suspended",
    "license.unsuspended",
    "machine.activated",
    "machine.deactivated",
    "policy.updated",
}


@pytest.fixture
def chosen(request: pytest.FixtureRequest) -> tuple[int, int]:
    """The seed and steps of the command line; without, a run like any other."""
    seed: int | None = request.config.getoption("seed", default=None)
    steps: int | None = request.config.getoption("steps", default=None)
    return seed or 0, steps or STEPS


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [simulate(seed) for seed in SEEDS]


def hold(outcome: Outcome) -> None:
    if outcome.problem is not None:
        pytest.fail(report(shrink(outcome)), pytrace=False)


def test_the_chosen_seed_keeps_every_rule(chosen: tuple[int, int]) -> None:
    hold(simulate(*chosen))


def test_the_same_seeds_as_ever_keep_every_rule(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        hold(outcome)


def test_seeds_nobody_has_seen_keep_every_rule() -> None:
    for _ in range(FRESH_SEEDS):
        hold(simulate(secrets.randbelow(2**32)))


def test_a_year_and_more_of_trade_keeps_every_rule() -> None:
    outcome = simulate(5, LONG_STEPS)
    hold(outcome)
    assert outcome.virtual_seconds > 365 * DAY_SECONDS


def test_the_seeds_meet_every_fault_and_everything_that_may_happen(
    outcomes: list[Outcome],
) -> None:
    struck = {fault for outcome in outcomes for fault in outcome.faults}
    assert struck == set(Odds.__struct_fields__)
    happened = {event for outcome in outcomes for event in outcome.counts}
    assert happened >= EVENTS


def test_some_seed_is_without_any_fault(outcomes: list[Outcome]) -> None:
    assert any(not outcome.faults for outcome in outcomes)


# --- one seed, one run --------------------------------------------------------------------------


def test_a_seed_gives_the_same_run_again_to_the_letter() -> None:
    first, second = (simulate(7, lines_kept=None) for _ in range(2))
    assert first == second
    assert first.digest != simulate(8).digest


def test_a_seed_gives_the_same_run_in_another_interpreter() -> None:
    command = [sys.executable, "-m", "tests.simulation.simulate", "--seed=7", "--steps=150"]
    said = subprocess.run(  # noqa: S603  our own program
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert simulate(7, 150).digest in said


def test_a_short_run_is_the_beginning_of_a_long_one() -> None:
    short, long = (simulate(7, steps, lines_kept=None) for steps in (150, 300))
    traded = [line for line in short.lines if int(line.split()[0]) <= 150]
    assert len(traded) > 100
    assert long.lines[: len(traded)] == traded


def test_a_failure_says_how_to_see_it_again() -> None:
    failed = msgspec.structs.replace(simulate(3, 50), problem="Violation: two keys")
    said = report(failed)
    assert "seed 3 failed within 50 steps: Violation: two keys" in said
    assert "make simulate SEED=3 STEPS=50" in said
    assert "--seed 3 --steps 50" in said
    assert said.endswith("\n".join(failed.lines))


def test_the_ticks_are_those_of_the_server() -> None:
    # Making the ticks asks nothing of the ports; running one would.
    ticks = shop_ticks(Ports.__new__(Ports))
    assert {tick.name: tick.every_seconds for tick in ticks} == TICKS
