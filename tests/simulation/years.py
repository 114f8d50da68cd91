"""Trade for two years of virtual time, seed after seed, or one again: ``make years``.

A failure is printed with the command that replays it; the exit code is then 1.
"""

import argparse
import gc
import multiprocessing
import os
import secrets
import sys
import time
from functools import partial

from tests.support.simulation.trace import LINES_KEPT
from tests.support.years.run import BUYERS, Outcome, report, two_years


def main() -> int:
    """Run what the command line asks for."""
    asked = _arguments()
    began_at = time.perf_counter()
    if asked.seed is not None:
        kept = None if asked.trace else LINES_KEPT
        outcomes = [two_years(asked.seed, asked.buyers, lines_kept=kept)]
        if asked.trace:
            print("\n".join(outcomes[0].lines))
    else:
        outcomes = _run(asked)
    seconds = time.perf_counter() - began_at
    for outcome in outcomes:
        print(report(outcome) if outcome.problem else _summary(outcome))
    print(f"took        {seconds:.1f} s")
    return 1 if any(outcome.problem for outcome in outcomes) else 0


def run_one(buyers: int, seed: int) -> Outcome:
    """Run one seed in a process of many; what it leaves behind is collected once, at its end."""
    gc.disable()
    outcome = two_years(seed, buyers)
    gc.collect()
    return outcome


def _run(asked: argparse.Namespace) -> list[Outcome]:
    first = secrets.randbelow(2**32) if asked.first is None else asked.first
    seeds = range(first, first + asked.seeds)
    with multiprocessing.get_context("spawn").Pool(min(asked.jobs, len(seeds))) as pool:
        return list(pool.imap(partial(run_one, asked.buyers), seeds))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="years", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one alone, again")
    parser.add_argument("--buyers", type=int, default=BUYERS, help="buyers of each run")
    parser.add_argument("--seeds", type=int, default=2, help="how many seeds to run")
    parser.add_argument("--first", type=int, help="the first of them; drawn if not given")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="seeds at once")
    parser.add_argument("--trace", action="store_true", help="print every line of the trace")
    return parser.parse_args()


def _summary(outcome: Outcome) -> str:
    return (
        f"seed {outcome.seed}: every rule held\n"
        f"books       {outcome.sums}\n"
        f"heard       {outcome.heard}\n"
        f"faults      {outcome.faults}\n"
        f"happened    {outcome.happened}\n"
        f"trace       {outcome.digest}"
    )


if __name__ == "__main__":
    sys.exit(main())
