"""Rounds over many accounts at payment services: who is asked beside whom, and who delays nobody.

What is asked is a use case's; here is only in which threads, how many at once, and what becomes of a
part of a round that breaks.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from traceback import extract_tb
from typing import Final, Literal, TypeAlias

import structlog

from keysat_core.domain.provider_health import FAILURES_IN_A_ROW, ProviderHealth

ASKED_AT_ONCE: Final = 4
"""Calls in parallel to one provider (payments 10)."""

PROVIDERS_AT_ONCE: Final = 16
"""Providers asked beside each other, so that none that hangs delays the others."""

SHOWN_ID_CHARS: Final = 8
"""How much of an id the log has. The whole of an invoice's is its buyer's secret (public-api 0); that of
an account is all that keeps strangers from its Zaprite webhook's address (payments 7.4)."""

_PLACES_SHOWN: Final = 3
"""The innermost places of an error that the log has: enough to find it."""

Outcome: TypeAlias = Literal["changed", "unchanged", "failed", "refused", "skipped", "resting"]
Tally: TypeAlias = Counter[Outcome]

log = structlog.get_logger("keysat.ticks")


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A part of a round. ``ids`` are what the log says of it when it breaks, never a secret."""

    run: Callable[[], Tally]
    ids: Mapping[str, str]


FanOut: TypeAlias = Callable[[Sequence[Job], int], list[Tally]]
"""Runs jobs, so many at once, and gives what they did."""


def in_threads(jobs: Sequence[Job], at_once: int) -> list[Tally]:
    """Run jobs beside each other, so many at once; one that breaks is logged and no other's matter."""
    if at_once == 1 or len(jobs) == 1:
        # Handing each to another thread would cost more than many a job does.
        return [_guarded(job) for job in jobs]
    done = _started(jobs, at_once)
    return [done.get() for _ in jobs]


def in_threads_for(seconds: float) -> FanOut:
    """Give a fan-out that waits only so long.

    Each job has a thread at once: whoever asks for it limits them. Those that take longer come to
    their end all the same, but nobody is told what they did.
    """

    def fan_out(jobs: Sequence[Job], at_once: int) -> list[Tally]:  # noqa: ARG001  same shape
        done = _started(jobs, len(jobs))
        ends_at = monotonic() + seconds
        tallies: list[Tally] = []
        with suppress(Empty):
            while len(tallies) < len(jobs):
                tallies.append(done.get(timeout=max(0.0, ends_at - monotonic())))
        return tallies

    return fan_out


def _started(jobs: Sequence[Job], at_once: int) -> "SimpleQueue[Tally]":
    """Begin to run jobs, so many at once, and give where each puts what it did.

    A process that stops does not wait for their threads, for one of them may hang at a provider.
    """
    waiting = deque(jobs)
    done: SimpleQueue[Tally] = SimpleQueue()

    def work() -> None:
        with suppress(IndexError):
            while True:
                job = waiting.popleft()
                did: Tally = Counter({"refused": 1})
                try:
                    did = _guarded(job)
                finally:
                    done.put(did)

    for _ in range(min(at_once, len(jobs))):
        Thread(target=work, name="round", daemon=True).start()
    return done


def one_by_one(jobs: Sequence[Job], at_once: int) -> list[Tally]:  # noqa: ARG001  same shape
    """Run jobs one after the other, for who must be able to repeat a run to the letter.

    One that breaks ends the run, for such a one wants to see it.
    """
    return [job.run() for job in jobs]


def failures_max(health: ProviderHealth | None) -> int:
    """Give after how many failures an account is left for this round.

    After a pause one is enough for the next, longer one.
    """
    return max(1, FAILURES_IN_A_ROW - (health.failures if health else 0))


def share(
    jobs: Sequence[Job],
    *,
    failures_max: int,
    fan_out: FanOut,
    is_over: Callable[[], bool] = lambda: False,
) -> Tally:
    """Run one account's jobs, a few at once, until it failed too often; the others are skipped.

    So they are once ``is_over`` says that the round's time is, but for the first.
    """
    tally: Tally = Counter()
    left = list(jobs)
    is_answering = False
    while left and tally["failed"] < failures_max:
        # One alone finds out whether it answers, so that one that hangs costs three calls.
        size = ASKED_AT_ONCE if is_answering else 1
        group, left = left[:size], left[size:]
        before = tally["failed"]
        for done in fan_out(group, ASKED_AT_ONCE):
            tally.update(done)
        is_answering = tally["failed"] == before
        if is_over():
            break
    tally["skipped"] += len(left)
    return tally


def shown(id_: str | None) -> str:
    """Spell an invoice's or an account's id so that the log may have it and a row is found by it."""
    return f"{id_[:SHOWN_ID_CHARS]}…" if id_ else ""


def _guarded(job: Job) -> Tally:
    """Run a job; whatever breaks in it is a bug, or a broken row, that must not stop the others."""
    try:
        return job.run()
    except Exception as exc:  # noqa: BLE001  the next one has nothing to do with it
        # Its text may quote what it met, a key or a buyer's; where it happened quotes nothing.
        places = [f"{at.filename}:{at.lineno}" for at in extract_tb(exc.__traceback__)]
        log.error(  # noqa: TRY400  see above
            "round_step_broke", problem=type(exc).__name__, at=places[-_PLACES_SHOWN:], **job.ids
        )
        return Counter({"refused": 1})
