"""``keysat machine``: the seats of licenses."""

from typing import Final

import click

from keysat_cli.groups import NounGroup
from keysat_cli.options import confirm, dry_run_option, page_options, yes_option
from keysat_cli.output import emit, listing, note, time_text
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.ids import LicenseId, MachineId
from keysat_core.domain.listing import MachineFilter
from keysat_core.limits import MACHINES_PAGE_DEFAULT
from keysat_core.use_cases.machines.deactivate_machine import release_machine
from keysat_core.use_cases.machines.list_machines import list_machines
from keysat_http.views.machine import machine_list_view
from keysat_http.views.outcome import DONE

HEADINGS: Final = (
    "id", "license id", "product", "hostname", "platform", "last seen at", "active",
)  # fmt: skip


@click.group(cls=NounGroup)
def machine() -> None:
    """See and free the seats of licenses."""


@machine.command("list")
@click.option("--license", "license_id", metavar="LICENSE_ID", help="Only those of a license.")
@click.option("--product", "product_slug", metavar="PRODUCT", help="Only those of a product.")
@click.option("--all", "is_inactive_included", is_flag=True, help="List deactivated ones too.")
@page_options(MACHINES_PAGE_DEFAULT)
def list_(
    *,
    license_id: str | None,
    product_slug: str | None,
    is_inactive_included: bool,
    limit: int,
    offset: int,
) -> None:
    """List machines, most recently seen first."""
    criteria = MachineFilter(
        license_id=None if license_id is None else LicenseId(license_id),
        is_inactive_included=is_inactive_included,
        limit=limit,
        offset=offset,
    )
    with open_shop() as ports:
        page = list_machines(
            OPERATOR,
            criteria,
            product_slug=product_slug,
            store=ports.store,
            heartbeats=ports.heartbeats,
        )
    cells = [
        (
            row.machine.id,
            row.machine.license_id,
            row.product_slug,
            row.machine.hostname,
            row.machine.platform,
            time_text(row.machine.last_heartbeat_at),
            row.machine.active,
        )
        for row in page.rows
    ]
    emit(machine_list_view(page), listing(HEADINGS, cells, noun="machines"))
    if page.total.number > offset + len(page.rows):
        note(f"There are more: add --offset {offset + limit}.")


@machine.command()
@click.argument("machine_id", metavar="MACHINE_ID")
@click.option("--reason", metavar="TEXT", help="Kept with the machine.")
@yes_option
@dry_run_option
def deactivate(machine_id: str, *, reason: str | None, is_yes: bool) -> None:
    """Free the seat of a machine."""
    confirm(f"Free the seat of machine {machine_id}?", is_yes=is_yes)
    with open_shop() as ports:
        freed = release_machine(
            OPERATOR,
            MachineId(machine_id),
            reason=reason,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    emit(DONE, [f"Machine {freed.id} gave up its seat on license {freed.license_id}."])
