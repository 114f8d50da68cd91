"""Soak the shop in purchases, seed after seed, or one again: ``make soak``.

The first failures are printed with the command that replays each; the exit code is then 1.
"""

import argparse
import gc
import multiprocessing
import os
import secrets
import sys
import time
from collections import Counter
from functools import partial

from tests.support.simulation.trace import LINES_KEPT
from tests.support.soak.run import PURCHASES, Outcome, report, soak


def main() -> int:
    """Run what the command line asks for."""
    asked = _arguments()
    began_at = time.perf_counter()
    if asked.seed is not None:
        kept = None if asked.trace else LINES_KEPT
        outcomes = [soak(asked.seed, asked.purchases, lines_kept=kept, is_storm=asked.storm)]
        if asked.trace:
            print("\n".join(outcomes[0].lines))
    else:
        outcomes = _run(asked)
    failed = [outcome for outcome in outcomes if outcome.problem is not None]
    for outcome in failed:
        print(report(outcome))
    if not failed:
        _sum_up(outcomes, time.perf_counter() - began_at)
    return 1 if failed else 0


def soak_one(purchases: int, is_storm: bool, seed: int) -> Outcome:  # noqa: FBT001  mapped over
    """Run one seed in a process of many; what it leaves behind is collected once, at its end."""
    gc.disable()
    outcome = soak(seed, purchases, is_storm=is_storm)
    gc.collect()
    return outcome


def _run(asked: argparse.Namespace) -> list[Outcome]:
    first = secrets.randbelow(2**32) if asked.first is None else asked.first
    seeds = range(first, first + asked.seeds)
    with multiprocessing.get_context("spawn").Pool(min(asked.jobs, len(seeds))) as pool:
        return list(pool.imap(partial(soak_one, asked.purchases, asked.storm), seeds))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one alone, again")
    parser.add_argument("--purchases", type=int, default=PURCHASES, help="buyers of each run")
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds to run")
    parser.add_argument("--first", type=int, help="the first of them; drawn if not given")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="seeds at once")
    parser.add_argument("--storm", action="store_true", help="let hardly anything succeed at once")
    parser.add_argument("--trace", action="store_true", help="print every line of the trace")
    return parser.parse_args()


def _sum_up(outcomes: list[Outcome], seconds: float) -> None:
    sums = [outcome.sums for outcome in outcomes if outcome.sums is not None]
    faults: Counter[str] = Counter()
    happened: Counter[str] = Counter()
    for outcome in outcomes:
        faults.update(outcome.faults)
        happened.update(outcome.happened)
    purchases = sum(outcome.purchases for outcome in outcomes)
    print(f"seeds       {outcomes[0].seed}..{outcomes[-1].seed}: every rule held")
    print(f"speed       {purchases} purchases, {purchases / seconds:.0f} a second")
    print(
        f"books       {sum(one.ours for one in sums)} settled, {sum(one.ours_sats for one in sums)}"
        f" sats; theirs {sum(one.theirs_sats for one in sums)} sats and"
        f" {sum(one.reversed for one in sums)} taken back, {sum(one.late for one in sums)} late,"
        f" {sum(one.by_hand for one in sums)} by hand,"
        f" {sum(one.strays for one in sums)} strays"
    )
    print(f"faults      {dict(sorted(faults.items()))}")
    print(f"happened    {dict(sorted(happened.items()))}")
    print(f"trace       {outcomes[-1].digest}")


if __name__ == "__main__":
    sys.exit(main())
