"""``keysat delivery``: events on their way to those who are told of them."""

from typing import Final

import click

from keysat_cli.groups import NounGroup
from keysat_cli.options import page_options
from keysat_cli.output import emit, facts, listing, note, time_text
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.ids import DeliveryId, WebhookEndpointId
from keysat_core.domain.webhook_delivery import DeliveryFilter, DeliveryRow, DeliveryStatus
from keysat_core.limits import PAGE_DEFAULT
from keysat_core.use_cases.webhooks.list_deliveries import list_deliveries, show_delivery
from keysat_core.use_cases.webhooks.retry_delivery import retry_delivery
from keysat_http.views.webhook import STATUS_NAMES, delivery_list_view, delivery_view

HEADINGS: Final = ("created at", "event", "status", "attempts", "code", "error", "id")
ALL: Final = "all"
ALREADY_DELIVERED: Final = "The subscriber has it already, and is sent it once more."

_STATUSES: Final = {name: status for status, name in STATUS_NAMES.items()}

delivery_argument = click.argument("delivery_id", metavar="DELIVERY_ID")


@click.group(cls=NounGroup)
def delivery() -> None:
    """See what became of deliveries, and send one again."""


@delivery.command("list")
@click.option("--endpoint", "endpoint_id", metavar="ID", help="Only those to this endpoint.")
@click.option(
    "--status",
    type=click.Choice([*_STATUSES, ALL]),
    default=ALL,
    show_default=True,
    help="Only those that stand so.",
)
@page_options(PAGE_DEFAULT)
def list_(*, endpoint_id: str | None, status: str, limit: int, offset: int) -> None:
    """List deliveries, newest first, those to deleted endpoints too."""
    criteria = DeliveryFilter(
        endpoint_id=None if endpoint_id is None else WebhookEndpointId(endpoint_id),
        status=_STATUSES.get(status),
        limit=limit,
        offset=offset,
    )
    with open_shop() as ports:
        page = list_deliveries(OPERATOR, criteria, store=ports.store)
    cells = [
        (
            time_text(row.delivery.created_at),
            row.event_type,
            STATUS_NAMES[row.delivery.status],
            row.delivery.attempts,
            row.delivery.last_status_code,
            row.delivery.last_error,
            row.delivery.id,
        )
        for row in page.rows
    ]
    emit(delivery_list_view(page), listing(HEADINGS, cells, noun="deliveries"))
    if page.total > offset + len(page.rows):
        note(f"{page.total} match; for more add --offset {offset + limit}.")


@delivery.command()
@delivery_argument
def show(delivery_id: str) -> None:
    """Show a delivery with what it carries."""
    with open_shop() as ports:
        row = show_delivery(OPERATOR, DeliveryId(delivery_id), store=ports.store)
    emit(delivery_view(row), _lines(row))


@delivery.command()
@delivery_argument
def retry(delivery_id: str) -> None:
    """Send a delivery again, whatever became of it, with the same id and body."""
    with open_shop() as ports:
        before = show_delivery(OPERATOR, DeliveryId(delivery_id), store=ports.store).delivery
        row = retry_delivery(
            OPERATOR,
            DeliveryId(delivery_id),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    if before.status is DeliveryStatus.DELIVERED:
        note(ALREADY_DELIVERED)
    emit(delivery_view(row), _lines(row))


def _lines(row: DeliveryRow) -> list[str]:
    one = row.delivery
    return facts(
        [
            ("id", one.id),
            ("endpoint", one.endpoint_id),
            ("event", row.event_type),
            ("status", STATUS_NAMES[one.status]),
            ("attempts", one.attempts),
            ("next attempt at", time_text(one.next_attempt_at)),
            ("last code", one.last_status_code),
            ("last error", one.last_error),
            ("delivered at", time_text(one.delivered_at)),
            ("created at", time_text(one.created_at)),
            ("payload", row.body.decode()),
        ]
    )
