"""``keysat reconcile``: ask the payment providers now, without waiting for the next round."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import click
import msgspec

from keysat_adapters.sqlite.connection import is_file_there
from keysat_cli.application import open_worker
from keysat_cli.exit_codes import ExitCode, exit_code_of
from keysat_cli.groups import JSONCommand
from keysat_cli.output import emit, note_change, table
from keysat_cli.progress import Progress, progress_shown
from keysat_cli.session import environment
from keysat_cli.settings import read_worker_settings
from keysat_core.errors import StoreUnavailable
from keysat_core.ports.bundle import Ports
from keysat_http.leasing import LeaseKeeper, Outcome, Work
from keysat_http.logs import configure_logs
from keysat_http.reconciling import reconcile_backlog
from keysat_http.settling import Pass
from keysat_http.ticks import Tick
from keysat_http.worker import OneRun, run_once

JOB: Final = "reconcile"
FAILED: Final = "failed"


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. ``outcome``: ``done``, ``idle``, ``held`` by another process, or ``failed``."""

    ok: bool
    outcome: str
    passes: list[Pass]
    problem: str | None


@click.command(cls=JSONCommand)
@click.option("--once", is_flag=True, help="Ask now, print what changed, and exit.")
def reconcile(*, once: bool) -> None:
    """Ask the payment providers about every invoice that is due, now.

    A provider that is left alone because it failed is asked all the same. It works beside a server: a job that a live one is at is waited for up to 15 seconds. What is
    printed counts invoices, pass after pass. The exit code is 0, 7 if the database failed, or 10 if
    a provider gave no answer. To ask again and again run: keysat worker --job reconcile
    """
    if not once:
        raise click.UsageError("add --once; to ask again and again: keysat worker --job reconcile")
    settings = read_worker_settings(environment())
    configure_logs(settings.log_level)
    if not is_file_there(settings.store.db_path):
        raise StoreUnavailable(
            f"{settings.store.db_path} does not exist; set KEYSAT_DB_PATH, or make it with:"
            " keysat migrate"
        )
    passes: list[Pass] = []
    with open_worker(settings) as (wiring, declared):
        ports = wiring.ports
        [job] = [tick for tick in declared if tick.name == JOB]
        with progress_shown("Asking") as progress:
            run = run_once(
                _telling(job, ports, passes, progress),
                LeaseKeeper(ports.store, ports.clock, ports.ids),
            )
        if wiring.store.has_changed:
            note_change()
    _report(run, passes)


def _telling(job: Tick, ports: Ports, passes: list[Pass], progress: Progress) -> Tick:
    """Give the job as it is declared, but for remembering each of its passes."""

    def after_pass(done: Pass) -> None:
        passes.append(done)
        asked = sum(one.changed + one.unchanged + one.failed for one in passes)
        progress(asked, asked + done.skipped)

    def work() -> Work:
        reconcile_backlog(ports, after_pass=after_pass, is_pause_kept=False)
        dealt_with = sum(done.changed + done.unchanged for done in passes)
        return Work(items=dealt_with, failed=sum(done.failed for done in passes))

    return replace(job, run=work)


def _report(run: OneRun, passes: list[Pass]) -> None:
    code = _exit_code(run)
    outcome = run.attempt.outcome if run.attempt else FAILED
    view = Reconciled(
        ok=code is ExitCode.OK,
        outcome=outcome,
        passes=passes,
        problem=str(run.failure) if run.failure else None,
    )
    headings = ("pass", "changed", "unchanged", "failed", "left for later")
    rows = [
        (number, done.changed, done.unchanged, done.failed, done.skipped)
        for number, done in enumerate(passes, start=1)
    ]
    emit(view, table(headings, rows) if rows else [_WITHOUT_PASS.get(outcome, f"{view.problem}.")])
    if code is not ExitCode.OK:
        click.get_current_context().exit(code)


_WITHOUT_PASS: Final[Mapping[str, str]] = {
    Outcome.DONE: "No invoice was due.",
    Outcome.IDLE: "No invoice was due.",
    Outcome.HELD: "Another server is at it.",
}


def _exit_code(run: OneRun) -> ExitCode:
    if run.failure is not None:
        return exit_code_of(run.failure)
    has_failed = run.attempt is not None and run.attempt.work.failed > 0
    return ExitCode.OUTSIDE if has_failed else ExitCode.OK
