"""``keysat worker``: the background jobs without a server."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

import click
import msgspec

from keysat_adapters.sqlite.connection import is_file_there
from keysat_cli.application import open_worker
from keysat_cli.exit_codes import ExitCode, exit_code_of
from keysat_cli.groups import JSONCommand
from keysat_cli.output import OutputLost, emit, flush_output, table
from keysat_cli.session import environment
from keysat_cli.settings import read_worker_settings
from keysat_core.errors import StoreUnavailable
from keysat_http.leasing import LeaseKeeper, Work
from keysat_http.logs import configure_logs
from keysat_http.ticks import Tick
from keysat_http.worker import OneRun, run_once, run_ticks

FAILED: Final = "failed"


class JobRun(msgspec.Struct, frozen=True, kw_only=True):
    """One job's run. ``outcome``: ``done``, ``idle``, ``held`` by another process, or ``failed``."""

    name: str
    outcome: str
    items: int
    failed: int
    seconds: float
    problem: str | None


class JobRuns(msgspec.Struct, frozen=True, kw_only=True):
    """What ``--once`` did. ``ok``: nothing failed."""

    ok: bool
    jobs: list[JobRun]


class Working(msgspec.Struct, frozen=True, kw_only=True):
    """Printed once the jobs run."""

    ok: bool
    db_path: str
    jobs: list[str]


@click.command(cls=JSONCommand)
@click.option("--once", is_flag=True, help="Run every job once, print what it did, and exit.")
@click.option("--job", "names", multiple=True, metavar="NAME", help="Only this job; repeatable.")
def worker(*, once: bool, names: tuple[str, ...]) -> None:
    """Run the background jobs without serving.

    Jobs are shared with a server on the same database by leases, so none runs twice at once. It
    stops at SIGTERM or Ctrl-C and then exits with 0. With --once a job that a live server holds is
    waited for up to 15 seconds; the exit code is 0, 7 if the database failed, or 10 if something
    outside did.
    """
    settings = read_worker_settings(environment())
    configure_logs(settings.log_level)
    db_path = settings.store.db_path
    if not is_file_there(db_path):
        raise StoreUnavailable(
            f"{db_path} does not exist; set KEYSAT_DB_PATH, or make it with: keysat migrate"
        )
    with open_worker(settings) as (wiring, declared):
        ports = wiring.ports
        ticks = _chosen(declared, names)
        leases = LeaseKeeper(ports.store, ports.clock, ports.ids)
        if once:
            # What is named is wanted now, whenever its time would come.
            wanted = [replace(tick, is_due=None) for tick in ticks] if names else ticks
            _report([run_once(tick, leases) for tick in wanted])
            return
        view = Working(ok=True, db_path=str(db_path), jobs=[tick.name for tick in ticks])
        run_ticks(ticks, leases, ports.clock, ready=lambda: _say(view))


def _chosen(ticks: Sequence[Tick], names: tuple[str, ...]) -> list[Tick]:
    known = {tick.name: tick for tick in ticks}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(f"no job {unknown[0]!r}; there are: {', '.join(known)}")
    return [tick for name, tick in known.items() if not names or name in names]


def _say(view: Working) -> None:
    # Nobody may be reading, which is no reason not to work.
    with suppress(BrokenPipeError, OutputLost):
        emit(view, [f"Background jobs of {view.db_path}: {', '.join(view.jobs)}."])
        flush_output()


def _report(runs: Sequence[OneRun]) -> None:
    code = min(filter(None, map(_exit_code, runs)), default=ExitCode.OK)
    jobs = [_view(run) for run in runs]
    headings = ("job", "outcome", "items", "failed", "seconds", "problem")
    rows = [
        (job.name, job.outcome, job.items, job.failed, f"{job.seconds:.2f}", job.problem)
        for job in jobs
    ]
    emit(JobRuns(ok=code is ExitCode.OK, jobs=jobs), table(headings, rows))
    if code is not ExitCode.OK:
        click.get_current_context().exit(code)


def _view(run: OneRun) -> JobRun:
    work = run.attempt.work if run.attempt else Work()
    return JobRun(
        name=run.name,
        outcome=run.attempt.outcome if run.attempt else FAILED,
        items=work.items,
        failed=work.failed,
        seconds=round(run.seconds, 3),
        problem=str(run.failure) if run.failure else None,
    )


def _exit_code(run: OneRun) -> ExitCode:
    if run.failure is not None:
        return exit_code_of(run.failure)
    has_failed = run.attempt is not None and run.attempt.work.failed > 0
    return ExitCode.OUTSIDE if has_failed else ExitCode.OK
