"""How a payment provider answers: when it is left alone for a while, and what operators are told.

Source: payments 10 (back-off) and 15 (health). It never keeps a purchase from being attempted.
"""

from enum import StrEnum
from typing import Final

import msgspec

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.errors import ProviderRefused, ProviderUnavailable, UpstreamError

FAILURES_IN_A_ROW: Final = 3
"""So many failures in a row, and the reconciler leaves a provider alone for a while."""

LEAVE_ALONE_SECONDS: Final = (60, 120, 240, 480)
"""For how long: longer each time it fails again, the last for ever (payments 10)."""

UNREACHABLE_SECONDS: Final = 600
"""Failures in a row that span so long make a provider unreachable (payments 15)."""


class ProviderProblem(StrEnum):
    """What is wrong with a provider."""

    UNREACHABLE = "unreachable"
    CREDENTIAL_DEAD = "credential_dead"
    CANNOT_SELL = "cannot_sell"


class ProviderHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one account. ``failures`` are in a row, since ``failing_since``.

    ``left_until``: the reconciler does not ask before then. ``may_sell`` is False after it was not
    allowed to create an invoice, until it creates one. ``is_known`` is False when its key is dead.
    ``alerted`` is the problem operators were last told of; None: none, or that it has passed.
    """

    account_id: ProviderAccountId
    failures: int = 0
    failing_since: Instant | None = None
    left_until: Instant | None = None
    is_known: bool = True
    may_sell: bool = True
    last_ok_at: Instant | None = None
    last_failed_at: Instant | None = None
    detail: str | None = None
    alerted: ProviderProblem | None = None

    def is_left_alone(self, now: Instant) -> bool:
        """The reconciler should not ask now. A clock set far back does not prolong it."""
        if self.left_until is None:
            return False
        return 0 < self.left_until - now <= LEAVE_ALONE_SECONDS[-1]

    def state(self, now: Instant) -> str:
        """One word for it: a problem, ``failing`` when there may be one soon, ``ok`` or ``unknown``."""
        problem = self.problem(now)
        if problem is not None:
            return problem
        if self.failures:
            return "failing"
        return "unknown" if self.last_ok_at is None else "ok"

    def problem(self, now: Instant) -> ProviderProblem | None:
        """The most serious thing that is wrong now; None if nothing is."""
        if not self.is_known:
            return ProviderProblem.CREDENTIAL_DEAD
        is_long = self.failing_since is not None and now - self.failing_since >= UNREACHABLE_SECONDS
        if self.failures >= FAILURES_IN_A_ROW and is_long:
            return ProviderProblem.UNREACHABLE
        return None if self.may_sell else ProviderProblem.CANNOT_SELL


def after_answer(
    health: ProviderHealth, now: Instant, *, is_creation: bool = False
) -> ProviderHealth:
    """Note that a provider answered; ``is_creation``: it created an invoice."""
    return msgspec.structs.replace(
        health,
        failures=0,
        failing_since=None,
        left_until=None,
        is_known=True,
        may_sell=health.may_sell or is_creation,
        last_ok_at=now,
        detail=None if health.may_sell or is_creation else health.detail,
    )


def after_failure(
    health: ProviderHealth, failure: UpstreamError, now: Instant, *, is_creation: bool = False
) -> ProviderHealth:
    """Note that a provider failed. A refusal of one request says nothing of the provider.

    Source: payments 15: 404, 422 and 429 are no verdict, though one that is busy is left alone; 401 anywhere means a dead credential, 403
    on invoice creation that it cannot sell.
    """
    if isinstance(failure, ProviderRefused) and failure.problem != "auth":
        return health
    is_dead = isinstance(failure, ProviderRefused) and failure.http_status == _UNAUTHENTICATED
    is_busy = isinstance(failure, ProviderUnavailable) and failure.is_busy
    is_barred = isinstance(failure, ProviderRefused) and not is_dead and is_creation
    failures = health.failures + 1
    left_until = health.left_until
    if failures >= FAILURES_IN_A_ROW:
        step = min(failures - FAILURES_IN_A_ROW, len(LEAVE_ALONE_SECONDS) - 1)
        left_until = Instant(now + LEAVE_ALONE_SECONDS[step])
    return msgspec.structs.replace(
        health,
        failures=failures,
        failing_since=now if health.failing_since is None and not is_busy else health.failing_since,
        left_until=left_until,
        is_known=health.is_known and not is_dead,
        may_sell=health.may_sell and not is_barred,
        last_failed_at=now,
        detail=str(failure)[:_DETAIL_CHARS_MAX],
    )


def is_worth_noting(before: ProviderHealth | None, after: ProviderHealth) -> bool:
    """Tell whether a change has to be written down: an answer as ever need not be, each time."""
    if before is None:
        return True
    if before.last_ok_at is None or after.last_ok_at is None:
        return before != after
    is_fresh = 0 <= after.last_ok_at - before.last_ok_at < NOTE_SECONDS
    same = msgspec.structs.replace(after, last_ok_at=before.last_ok_at)
    return before != same or not is_fresh


NOTE_SECONDS: Final = 300
"""How exactly it is known when an account last answered well."""

_UNAUTHENTICATED: Final = 401
_DETAIL_CHARS_MAX: Final = 300
"""Provider bodies may carry personal data: at most this much is kept (payments 1.2)."""
