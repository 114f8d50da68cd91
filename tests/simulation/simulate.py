"""Run many seeds, or one again: ``make simulate``.

Prints how fast virtual time passes. The first failure is cut down to the fewest steps that show it
and printed with the command that replays it; the exit code is then 1.
"""

import argparse
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count

from keysat_core.domain.instant import DAY_SECONDS
from tests.support.simulation.run import STEPS, Outcome, report, shrink, simulate

YEAR_SECONDS = 365 * DAY_SECONDS


def main() -> int:
    """Simulate what the command line asks for."""
    asked = _arguments()
    began_at = time.perf_counter()
    outcomes: list[Outcome] = []
    for seed in _seeds(asked, began_at):
        outcome = simulate(seed, asked.steps, lines_kept=None if asked.trace else 60)
        if asked.trace:
            print("\n".join(outcome.lines))
        if outcome.problem is not None:
            print(report(outcome if asked.seed is not None else shrink(outcome)))
            return 1
        outcomes.append(outcome)
    _sum_up(outcomes, time.perf_counter() - began_at)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one alone, again")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of each run")
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to run")
    parser.add_argument("--first", type=int, help="the first of them; drawn if not given")
    parser.add_argument("--seconds", type=float, help="run for so long instead")
    parser.add_argument("--trace", action="store_true", help="print every line of the trace")
    return parser.parse_args()


def _seeds(asked: argparse.Namespace, began_at: float) -> Iterator[int]:
    if asked.seed is not None:
        yield asked.seed
        return
    first = secrets.randbelow(2**32) if asked.first is None else asked.first
    for number in count():
        is_over = time.perf_counter() - began_at >= asked.seconds if asked.seconds else False
        if is_over or (asked.seconds is None and number >= asked.seeds):
            return
        yield first + number


def _sum_up(outcomes: list[Outcome], seconds: float) -> None:
    years = sum(outcome.virtual_seconds for outcome in outcomes) / YEAR_SECONDS
    faults: Counter[str] = Counter()
    happened: Counter[str] = Counter()
    for outcome in outcomes:
        faults.update(outcome.faults)
        happened.update(outcome.counts)
    print(f"seeds       {outcomes[0].seed}..{outcomes[-1].seed}: every rule held")
    print(f"speed       {len(outcomes) / seconds:.1f} seeds/s, {years / seconds:.2f} years/s")
    print(f"steps       {sum(outcome.steps_done for outcome in outcomes)}, {years:.1f} years")
    print(f"faults      {dict(sorted(faults.items()))}")
    print(f"happened    {dict(sorted(happened.items()))}")
    print(f"trace       {outcomes[-1].digest}")


if __name__ == "__main__":
    sys.exit(main())
