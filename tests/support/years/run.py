"""Running two years of a seed and telling how they went."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

import msgspec
import structlog

from keysat_core.ports.store import Store
from tests.support.simulation.trace import LINES_KEPT, Trace, shortened
from tests.support.years.books import Sums
from tests.support.years.shop import Years

BUYERS: Final = 1_000


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. ``problem`` None: every rule held."""

    seed: int
    buyers: int
    digest: str
    lines: list[str]
    faults: dict[str, int]
    happened: dict[str, int]
    heard: dict[str, int]
    sums: Sums | None = None
    problem: str | None = None


def two_years(
    seed: int,
    buyers: int = BUYERS,
    *,
    bend: Callable[[Store], Store] = lambda store: store,
    lines_kept: int | None = LINES_KEPT,
) -> Outcome:
    """Run one seed and tell how it ended. ``bend``: where a test breaks a rule."""
    trace = Trace(lines_kept=lines_kept)
    problem = sums = None
    with ExitStack() as stack:
        stack.enter_context(structlog.testing.capture_logs())
        years = Years(seed, trace, bend)
        stack.callback(years.stop)
        try:
            sums = years.run(buyers)
        except Exception as exc:  # noqa: BLE001  whatever it is, it belongs to the outcome
            problem = f"{type(exc).__name__}: {exc}"
            years.market.note(f"FAILED {problem}")
        return Outcome(
            seed=seed,
            buyers=buyers,
            digest=trace.digest,
            lines=[shortened(line) for line in trace.lines],
            faults=dict(sorted(years.market.weather.struck.items())),
            happened=dict(sorted(years.market.happened.items())),
            heard=dict(sorted(years.oracle.counts.items())),
            sums=sums,
            problem=problem,
        )


def report(outcome: Outcome) -> str:
    """Say what went wrong, how it came to that, and how to see it again."""
    lines = "\n".join(outcome.lines)
    replay = f"make years SEED={outcome.seed} BUYERS={outcome.buyers}"
    return f"{lines}\nseed {outcome.seed}: {outcome.problem}\nreplay: {replay}"
