"""How the server is, on the wire, for its operator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from keysat_core.domain.database_info import RowCounts
from keysat_core.domain.finding import Finding, Health
from keysat_core.domain.instant import Instant, rfc3339, rfc3339_or_none
from keysat_core.ports.checkup import Looked
from keysat_core.use_cases.server.show_health import JobState
from keysat_core.use_cases.server.show_health import ServerHealth as Shown
from keysat_http.meters import TickMeter
from keysat_http.views.rate import KnownRate, rate_list_view


class CheckedView(msgspec.Struct, frozen=True, kw_only=True):
    """What one check of the doctor found; ``health`` is the worst of it."""

    name: str
    health: Health
    findings: list[Finding]


class BackupView(msgspec.Struct, frozen=True, kw_only=True):
    """The last backup, which was verified when it was made; nulls where there is none.

    ``failed_at`` and ``problem``: of the last scheduled one, if it failed.
    """

    last_at: str | None
    last_path: str | None
    failed_at: str | None
    problem: str | None


class FileView(msgspec.Struct, frozen=True, kw_only=True):
    """A file and its size."""

    name: str
    size_bytes: int


class FilesView(msgspec.Struct, frozen=True, kw_only=True):
    """The database: its schema, its rows, when it was last written to, and its files."""

    schema_version: int
    last_write_at: str | None
    counts: RowCounts
    files: list[FileView]


class JobHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A background job. ``last_success`` on any server; what failed, in this process alone."""

    name: str
    last_success: str | None
    is_running: bool
    failures: int
    last_failure: str | None


class EndpointDeliveries(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries to an endpoint: those that wait, and those that died within a day."""

    endpoint_id: str
    waiting: int
    dead: int


class ServerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How the server is. ``ok``: no check fails. ``checks`` null: it has no file to look at."""

    ok: bool
    checked_at: str
    checks: list[CheckedView] | None
    backup: BackupView
    database: FilesView
    rates: list[KnownRate]
    jobs: list[JobHealth]
    deliveries: list[EndpointDeliveries]


def health_view(shown: Shown, meters: Mapping[str, TickMeter]) -> ServerHealth:
    """Render the health, with what this process counted about its jobs."""
    info = shown.database
    return ServerHealth(
        ok=all(one.health is not Health.FAILING for one in shown.checks or ()),
        checked_at=rfc3339(shown.now),
        checks=None if shown.checks is None else [_check(one) for one in shown.checks],
        backup=BackupView(
            last_at=rfc3339_or_none(shown.backup_at),
            last_path=shown.backup_path,
            failed_at=rfc3339_or_none(shown.backup_failed_at),
            problem=shown.backup_problem,
        ),
        database=FilesView(
            schema_version=info.schema_version,
            last_write_at=rfc3339_or_none(info.last_write_at),
            counts=info.counts,
            files=[FileView(name=one.name, size_bytes=one.size_bytes) for one in shown.files],
        ),
        rates=rate_list_view(shown.rates, shown.now).rates,
        jobs=[
            JobHealth(
                name=one.name,
                last_success=rfc3339_or_none(one.last_success),
                is_running=one.is_running,
                failures=one.failures,
                last_failure=rfc3339_or_none(one.last_failure),
            )
            for one in jobs_of(shown.jobs, meters)
        ],
        deliveries=[
            EndpointDeliveries(endpoint_id=one.endpoint_id, waiting=one.queued, dead=one.dead)
            for one in shown.deliveries
        ],
    )


def _check(one: Looked) -> CheckedView:
    return CheckedView(name=one.name, health=one.health, findings=list(one.findings))


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A background job of the database, with what this process counted about it."""

    name: str
    last_success: Instant | None
    is_running: bool
    failures: int
    last_failure: Instant | None


def jobs_of(jobs: Sequence[JobState], meters: Mapping[str, TickMeter]) -> list[Job]:
    """Join what the database and this process know of background jobs."""
    leased = {one.name: one for one in jobs}
    return [
        _job(name, leased.get(name), meters.get(name) or TickMeter())
        for name in sorted(leased.keys() | meters.keys())
    ]


def _job(name: str, leased: JobState | None, meter: TickMeter) -> Job:
    ended = [meter.last_success, leased.finished_at if leased else None]
    return Job(
        name=name,
        last_success=max((at for at in ended if at is not None), default=None),
        is_running=leased is not None and leased.is_running,
        failures=meter.failures,
        last_failure=meter.last_failure,
    )
