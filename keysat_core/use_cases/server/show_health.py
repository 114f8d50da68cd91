"""Show an operator how the server is: what the doctor sees, and what it needs to go on."""

from collections.abc import Sequence

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.database_info import DatabaseInfo
from keysat_core.domain.instant import DAY_SECONDS, Instant, stored_instant
from keysat_core.domain.lease import Lease, is_held
from keysat_core.domain.rate import FetchedRate
from keysat_core.domain.setting import (
    BACKUP_FAILED_AT,
    BACKUP_LAST_AT,
    BACKUP_LAST_PATH,
    BACKUP_PROBLEM,
)
from keysat_core.domain.webhook_delivery import DeliveryCounts
from keysat_core.ports.checkup import Checkup, FileSize, Looked
from keysat_core.ports.clock import Clock
from keysat_core.ports.rates import Rates
from keysat_core.ports.store import Store


class JobState(msgspec.Struct, frozen=True, kw_only=True):
    """A background job of the database, whichever server runs it."""

    name: str
    finished_at: Instant | None
    is_running: bool


class ServerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How the server is.

    ``checks`` None: there is no file to look at. ``backup_at`` is when the last verified backup was
    begun; None: never, or its record is unreadable, which a check tells. ``backup_failed_at`` and
    ``backup_problem`` are of the last scheduled one, and None if it went well. ``deliveries`` by
    endpoint: what waits, and what died within a day.
    """

    now: Instant
    checks: tuple[Looked, ...] | None
    backup_at: Instant | None
    backup_path: str | None
    backup_failed_at: Instant | None
    backup_problem: str | None
    database: DatabaseInfo
    files: tuple[FileSize, ...]
    rates: tuple[FetchedRate, ...]
    jobs: tuple[JobState, ...]
    deliveries: tuple[DeliveryCounts, ...]


def show_health(
    actor: Actor, *, store: Store, rates: Rates, clock: Clock, checkup: Checkup | None
) -> ServerHealth:
    """Make the doctor's quick checks and tell of backups, files, rates, jobs and deliveries.

    Raises:
        Forbidden: the actor does not hold the master key; findings name files and settings.
    """
    authorize(actor, Scope.MASTER)
    now = clock.now()
    known = tuple(rates.list_rates())
    with store.reading() as tx:
        info = tx.statistics.database_info()
        backup_at = tx.settings.find_setting(BACKUP_LAST_AT)
        backup_path = tx.settings.find_setting(BACKUP_LAST_PATH)
        backup_failed_at = tx.settings.find_setting(BACKUP_FAILED_AT)
        backup_problem = tx.settings.find_setting(BACKUP_PROBLEM)
        leases = tx.leases.list_leases()
        deliveries = tx.deliveries.count_by_endpoint(Instant(now - DAY_SECONDS))
    return ServerHealth(
        now=now,
        checks=None if checkup is None else tuple(checkup.look()),
        backup_at=stored_instant(backup_at),
        backup_path=backup_path,
        backup_failed_at=stored_instant(backup_failed_at),
        backup_problem=backup_problem,
        database=info,
        files=() if checkup is None else tuple(checkup.file_sizes()),
        rates=known,
        jobs=_jobs(leases, now),
        deliveries=tuple(deliveries),
    )


def _jobs(leases: Sequence[Lease], now: Instant) -> tuple[JobState, ...]:
    return tuple(
        JobState(name=one.name, finished_at=one.finished_at, is_running=is_held(one, now=now))
        for one in leases
    )
