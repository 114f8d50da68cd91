"""``keysat health``: how the server is, at a glance."""

from pathlib import Path

import click

from keysat_cli.checkup.quick import QuickCheckup
from keysat_cli.groups import JSONCommand
from keysat_cli.output import emit, facts, listing
from keysat_cli.session import OPERATOR, environment, open_shop
from keysat_cli.settings import read_store_settings
from keysat_core.domain.finding import Health
from keysat_core.use_cases.server.show_health import show_health
from keysat_http.views.health import ServerHealth, health_view


@click.command(cls=JSONCommand)
def health() -> None:
    """Tell how the server is: the doctor's quick checks, backups, files, rates, jobs, deliveries.

    The checks that take longer or ask others are those of: keysat doctor. What failed is known of
    a running server alone, so it is shown with --url or --profile.
    """
    known = environment()
    checkup = QuickCheckup(
        settings=read_store_settings(known), environment=known, folder=Path.cwd()
    )
    with open_shop() as ports:
        shown = show_health(
            OPERATOR, store=ports.store, rates=ports.rates, clock=ports.clock, checkup=checkup
        )
    view = health_view(shown, {})
    emit(view, _lines(view))


def _lines(view: ServerHealth) -> list[str]:
    unwell = [
        (check.name, one.health, one.text, one.remedy)
        for check in view.checks or ()
        for one in check.findings
        if one.health is not Health.OK
    ]
    summary = facts(
        [
            ("well", view.ok),
            ("last backup", view.backup.last_at),
            ("at", view.backup.last_path),
            *([("scheduled backup failed", view.backup.problem)] if view.backup.problem else []),
            ("schema", view.database.schema_version),
            ("last write", view.database.last_write_at),
            *((f"bytes of {one.name}", one.size_bytes) for one in view.database.files),
        ]
    )
    jobs = [(one.name, one.last_success, one.is_running) for one in view.jobs]
    waiting = [(one.endpoint_id, one.waiting, one.dead) for one in view.deliveries]
    found = listing(("check", "health", "finding", "what to do"), unwell, noun="findings")
    lines = [*summary, "", *found, ""]
    lines += listing(("job", "last success", "running"), jobs, noun="jobs have run")
    if waiting:
        lines += ["", *listing(("endpoint", "waiting", "dead"), waiting, noun="deliveries")]
    return lines
