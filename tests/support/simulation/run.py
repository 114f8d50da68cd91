"""Running a seed, telling how it went, and cutting a failure down."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import structlog

from keysat_core.testing.clock import START
from tests.support.simulation.book import Book
from tests.support.simulation.trace import LINES_KEPT, Trace
from tests.support.simulation.world import Bend, World

STEPS: Final = 800
"""Steps of a run unless told otherwise: a dozen sales, and some weeks or months."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. ``problem`` None: every rule held."""

    seed: int
    steps: int
    steps_done: int
    virtual_seconds: int
    digest: str
    lines: list[str]
    faults: dict[str, int]
    counts: dict[str, int]
    problem: str | None = None


def simulate(
    seed: int, steps: int = STEPS, *, bend: Bend | None = None, lines_kept: int | None = LINES_KEPT
) -> Outcome:
    """Run one seed and tell how it ended."""
    trace = Trace(lines_kept=lines_kept)
    problem = None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="keysat-simulation-")))
        stack.enter_context(_silence())
        world = World(seed, folder / "keysat.db", trace, bend or Bend())
        stack.callback(world.stop)
        try:
            world.run(steps)
        except Exception as exc:  # noqa: BLE001  whatever it is, it belongs to the outcome
            problem = f"{type(exc).__name__}: {exc}"
            world.stage.note(f"FAILED {problem}")
        return Outcome(
            seed=seed,
            steps=steps,
            steps_done=world.stage.step_number,
            virtual_seconds=world.stage.now - START,
            digest=trace.digest,
            lines=list(trace.lines),
            faults=dict(sorted(world.stage.faults.struck.items())),
            counts=_counts(world.book),
            problem=problem,
        )


def shrink(failed: Outcome, *, bend: Bend | None = None) -> Outcome:
    """Give the same seed's failure in fewer steps: it fails there, and not one step before.

    A failure that shows while people trade needs no more steps than were done; what shows only when
    all has come to rest is looked for by halving.
    """
    passes, fails = 0, min(failed.steps, failed.steps_done)
    best = simulate(failed.seed, fails, bend=bend)
    if best.problem is None:
        return failed
    while fails - passes > 1:
        middle = (passes + fails) // 2
        outcome = simulate(failed.seed, middle, bend=bend)
        if outcome.problem is None:
            passes = middle
        else:
            fails, best = middle, outcome
    return best


def report(outcome: Outcome) -> str:
    """Spell a failure: what was wrong, how to see it again, and what led to it."""
    return "\n".join(
        (
            f"seed {outcome.seed} failed within {outcome.steps} steps: {outcome.problem}",
            f"replay: make simulate SEED={outcome.seed} STEPS={outcome.steps}",
            f"    or: python -m pytest tests/simulation {_options(outcome)}",
            f"faults: {outcome.faults}",
            f"the last {len(outcome.lines)} lines of its trace {outcome.digest[:16]}:",
            *outcome.lines,
        )
    )


def _options(outcome: Outcome) -> str:
    return f"--seed {outcome.seed} --steps {outcome.steps}"


def _counts(book: Book) -> dict[str, int]:
    return dict(book.rows("SELECT event_type, count(*) FROM outbox GROUP BY 1 ORDER BY 1"))


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the servers' logs to themselves; the trace tells more."""
    was_configured, before = structlog.is_configured(), structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.reset_defaults()
        if was_configured:
            structlog.configure(**before)
