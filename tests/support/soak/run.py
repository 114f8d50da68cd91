"""Running a seed and telling how it went."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import structlog

from tests.support.simulation.trace import LINES_KEPT, Trace, shortened
from tests.support.soak.balance import Sums
from tests.support.soak.shop import Bend, Shop
from tests.support.soak.weather import ORDINARY, STORM

PURCHASES: Final = 10_000
"""Buyers of a seed."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. ``problem`` None: every rule held."""

    seed: int
    purchases: int
    is_storm: bool
    digest: str
    lines: list[str]
    faults: dict[str, int]
    happened: dict[str, int]
    sums: Sums | None = None
    problem: str | None = None


def soak(
    seed: int,
    purchases: int = PURCHASES,
    *,
    bend: Bend | None = None,
    lines_kept: int | None = LINES_KEPT,
    is_whole: bool = False,
    is_storm: bool = False,
) -> Outcome:
    """Run one seed and tell how it ended.

    ``is_whole``: with a database file and the HTTP library, which changes nothing but the time.
    ``is_storm``: hardly anything succeeds at once.
    """
    trace = RawTrace(lines_kept=lines_kept)
    problem = sums = None
    with ExitStack() as stack:
        path = None
        if is_whole:
            path = (
                Path(stack.enter_context(TemporaryDirectory(prefix="keysat-soak-"))) / "keysat.db"
            )
        log = stack.enter_context(_listening())
        shop = Shop(seed, trace, bend or Bend(), path=path, chances=STORM if is_storm else ORDINARY)
        stack.callback(shop.stop)
        try:
            sums = shop.run(purchases, log.getvalue)
        except Exception as exc:  # noqa: BLE001  whatever it is, it belongs to the outcome
            problem = f"{type(exc).__name__}: {exc}"
            shop.market.note(f"FAILED {problem}")
        return Outcome(
            seed=seed,
            purchases=purchases,
            is_storm=is_storm,
            digest=trace.digest,
            lines=[shortened(line) for line in trace.lines],
            faults=dict(sorted(shop.market.weather.struck.items())),
            happened=dict(sorted(shop.market.happened.items())),
            sums=sums,
            problem=problem,
        )


def report(outcome: Outcome) -> str:
    """Spell a failure: what was wrong, how to see it again, and what led to it."""
    return "\n".join(
        (
            f"seed {outcome.seed} failed with {outcome.purchases} purchases: {outcome.problem}",
            (
                f"replay: make soak SEED={outcome.seed} PURCHASES={outcome.purchases}"
                f"{' ARGS=--storm' if outcome.is_storm else ''}"
            ),
            f"faults: {outcome.faults}",
            f"happened: {outcome.happened}",
            f"the last {len(outcome.lines)} lines of its trace {outcome.digest[:16]}:",
            *outcome.lines,
        )
    )


class RawTrace(Trace):
    """Takes lines down as they are: of very many, few are ever read."""

    def note(self, line: str) -> None:
        self.count += 1
        self.hash.update(line.encode() + b"\n")
        self.lines.append(line)


@contextmanager
def _listening() -> Iterator[StringIO]:
    """Keep what the server logs, to look for secrets in it; nobody else has to read it."""
    was_configured, before = structlog.is_configured(), structlog.get_config()
    kept = StringIO()
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(file=kept),
        cache_logger_on_first_use=False,
    )
    try:
        yield kept
    finally:
        structlog.reset_defaults()
        if was_configured:
            structlog.configure(**before)
