"""Tasks that take turns: one at a time, in the order the seed draws."""

from functools import partial
from random import Random

import pytest

from keysat_core.testing.clock import START, FixedClock
from tests.support.simulation.scheduler import Scheduler
from tests.support.simulation.violation import Violation


def draws(seed: int) -> Random:
    return Random(seed)  # noqa: S311  the seed is the point


def scheduler(seed: int = 1) -> Scheduler:
    return Scheduler(draws(seed), FixedClock())


def run(turns: Scheduler) -> None:
    while turns.step():
        pass


def written(seed: int) -> str:
    """What three tasks write that pause after every letter."""
    turns, letters = scheduler(seed), list[str]()

    def write(text: str) -> None:
        for letter in text:
            letters.append(letter)
            turns.pause()

    for text in ("abc", "123", "xyz"):
        turns.spawn(text, partial(write, text))
    run(turns)
    return "".join(letters)


def test_the_seed_draws_the_order_and_each_task_keeps_its_own() -> None:
    orders = {written(seed) for seed in range(20)}
    assert len(orders) > 10
    assert written(3) == written(3)
    for order in orders:
        assert [letter for letter in order if letter in "abc"] == ["a", "b", "c"]


def test_the_clock_moves_to_the_next_sleeper_when_nobody_can_go_on() -> None:
    clock = FixedClock()
    turns, woken = Scheduler(draws(1), clock), list[int]()

    def sleep(seconds: int) -> None:
        turns.sleep(seconds)
        woken.append(clock.now() - START)

    for seconds in (86_400, 60):
        turns.spawn(f"sleeper {seconds}", partial(sleep, seconds))
    run(turns)
    assert woken == [60, 86_400]


def test_what_goes_wrong_in_a_task_is_raised_by_the_step_that_let_it_run() -> None:
    turns = scheduler()

    def fail() -> None:
        raise LookupError("not here")

    turns.spawn("fails", fail)
    with pytest.raises(LookupError, match="not here"):
        turns.step()
    assert turns.tasks == []


def test_stopping_unwinds_what_waits_and_what_never_began() -> None:
    turns, ended = scheduler(), list[str]()

    def wait() -> None:
        try:
            turns.pause()
        finally:
            ended.append("unwound")

    turns.spawn("waits", wait)
    turns.step()
    turns.spawn("never begins", lambda: ended.append("began"))
    turns.stop()
    assert ended == ["unwound"]
    assert not turns.step()


def test_those_who_go_before_others_do() -> None:
    turns, order = scheduler(), list[str]()
    tasks = [turns.spawn(name, partial(order.append, name)) for name in "abcd"]
    while turns.tasks:
        turns.step(before=tasks[2:])
    assert set(order[:2]) == {"c", "d"}


def test_only_a_task_can_pause() -> None:
    with pytest.raises(Violation, match="no task"):
        scheduler().pause()
