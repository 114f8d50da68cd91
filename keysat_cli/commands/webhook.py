"""``keysat webhook``: who is told of events."""

import sys
from typing import Final

import click
from msgspec import UNSET

from keysat_cli.groups import NounGroup
from keysat_cli.options import MOMENT, confirm, dry_run_option, yes_option
from keysat_cli.output import emit, facts, listing, note, time_text
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.ids import WebhookEndpointId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_endpoint import EVERY_EVENT, WebhookEndpoint
from keysat_core.domain.webhook_signature import standard_secret
from keysat_core.limits import WEBHOOK_SECRET_CHARS_MAX
from keysat_core.use_cases.webhooks.create_endpoint import CreateEndpoint, create_endpoint
from keysat_core.use_cases.webhooks.delete_endpoint import delete_endpoint
from keysat_core.use_cases.webhooks.list_endpoints import list_endpoints, show_endpoint
from keysat_core.use_cases.webhooks.ping_endpoint import ping_endpoint
from keysat_core.use_cases.webhooks.replay_events import ReplayEvents, replay_events
from keysat_core.use_cases.webhooks.rotate_secret import RotateSecret, rotate_secret
from keysat_core.use_cases.webhooks.update_endpoint import (
    UpdateEndpoint,
    set_endpoint_active,
    update_endpoint,
)
from keysat_http.views.webhook import (
    delivery_view,
    endpoint_list_view,
    endpoint_view,
    replay_view,
)

HEADINGS: Final = ("url", "active", "events", "id")

endpoint_argument = click.argument("endpoint_id", metavar="ENDPOINT_ID")
event_option = click.option(
    "--event", "events", multiple=True, metavar="NAME", help="Only this event; repeatable."
)
secret_option = click.option(
    "--secret-stdin",
    "is_secret_given",
    is_flag=True,
    help="Sign with the secret on the first line of stdin.",
)


@click.group(cls=NounGroup)
def webhook() -> None:
    """Manage who is told of events, and send events again."""


@webhook.command()
@click.argument("url")
@event_option
@click.option("--description", metavar="TEXT", default="", help="For your own eyes.")
@secret_option
def create(url: str, *, events: tuple[str, ...], description: str, is_secret_given: bool) -> None:
    """Create an endpoint and show its secret. Without --event it is told of everything."""
    command = CreateEndpoint(
        url=url,
        event_types=events or (EVERY_EVENT,),
        description=description,
        secret=read_secret() if is_secret_given else None,
    )
    with open_shop() as ports:
        endpoint = create_endpoint(
            OPERATOR,
            command,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            entropy=ports.entropy,
        )
    lines = _lines(endpoint, is_secret_shown=True)
    emit(endpoint_view(endpoint, is_secret_shown=True), lines)


@webhook.command("list")
def list_() -> None:
    """List endpoints, newest first."""
    with open_shop() as ports:
        endpoints = list_endpoints(OPERATOR, store=ports.store)
    rows = [(one.url, one.active, one.event_types, one.id) for one in endpoints]
    view = endpoint_list_view(endpoints, total=len(endpoints), is_secret_shown=False)
    emit(view, listing(HEADINGS, rows, noun="endpoints"))


@webhook.command()
@endpoint_argument
@click.option("--secret", "is_secret_shown", is_flag=True, help="Show its secret too.")
def show(endpoint_id: str, *, is_secret_shown: bool) -> None:
    """Show an endpoint."""
    with open_shop() as ports:
        endpoint = show_endpoint(OPERATOR, WebhookEndpointId(endpoint_id), store=ports.store)
    view = endpoint_view(endpoint, is_secret_shown=is_secret_shown)
    emit(view, _lines(endpoint, is_secret_shown=is_secret_shown))


@webhook.command()
@endpoint_argument
@click.option(
    "--url", metavar="URL", help="The new address; --url before the command names a server instead."
)
@event_option
@click.option("--description", metavar="TEXT", help="For your own eyes.")
@secret_option
def update(
    endpoint_id: str,
    *,
    url: str | None,
    events: tuple[str, ...],
    description: str | None,
    is_secret_given: bool,
) -> None:
    """Change an endpoint; what is not named stays. ``--event '*'`` is every event."""
    command = UpdateEndpoint(
        endpoint_id=WebhookEndpointId(endpoint_id),
        url=UNSET if url is None else url,
        event_types=events or UNSET,
        description=UNSET if description is None else description,
        secret=read_secret() if is_secret_given else UNSET,
    )
    with open_shop() as ports:
        endpoint = update_endpoint(
            OPERATOR, command, store=ports.store, clock=ports.clock, ids=ports.ids
        )
    view = endpoint_view(endpoint, is_secret_shown=False)
    emit(view, _lines(endpoint, is_secret_shown=False))


@webhook.command()
@endpoint_argument
def enable(endpoint_id: str) -> None:
    """Tell an endpoint of events again, from now on; what it missed is sent by replay."""
    _switch(endpoint_id, active=True)


@webhook.command()
@endpoint_argument
def disable(endpoint_id: str) -> None:
    """Tell an endpoint of nothing any more; what is queued for it dies."""
    _switch(endpoint_id, active=False)


@webhook.command()
@endpoint_argument
@yes_option
@dry_run_option
def delete(endpoint_id: str, *, is_yes: bool) -> None:
    """Delete an endpoint. What is queued for it dies; the history of its deliveries stays."""
    confirm(f"Delete webhook endpoint {endpoint_id!r}?", is_yes=is_yes)
    with open_shop() as ports:
        gone = delete_endpoint(
            OPERATOR,
            WebhookEndpointId(endpoint_id),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    emit(endpoint_view(gone, is_secret_shown=False), [f"Deleted the endpoint at {gone.url}."])


@webhook.command()
@endpoint_argument
@click.option("--since", type=MOMENT, required=True, help="The first instant, RFC 3339.")
@click.option("--until", type=MOMENT, help="The last instant; now if left out.")
def replay(endpoint_id: str, *, since: Instant, until: Instant | None) -> None:
    """Send the events of a time to an endpoint again, as new deliveries."""
    command = ReplayEvents(endpoint_id=WebhookEndpointId(endpoint_id), since=since, until=until)
    with open_shop() as ports:
        replayed = replay_events(
            OPERATOR, command, store=ports.store, clock=ports.clock, ids=ports.ids
        )
    emit(replay_view(replayed), [f"Queued {replayed.queued} events."])


@webhook.command("rotate-secret")
@endpoint_argument
@secret_option
def rotate(endpoint_id: str, *, is_secret_given: bool) -> None:
    """Sign with a new secret, which is shown, and for a day with the old one too."""
    command = RotateSecret(
        endpoint_id=WebhookEndpointId(endpoint_id),
        secret=read_secret() if is_secret_given else None,
    )
    with open_shop() as ports:
        endpoint = rotate_secret(
            OPERATOR,
            command,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            entropy=ports.entropy,
        )
    lines = _lines(endpoint, is_secret_shown=True)
    emit(endpoint_view(endpoint, is_secret_shown=True), lines)


@webhook.command("test")
@endpoint_argument
def ping(endpoint_id: str) -> None:
    """Send webhook.test to an endpoint; ``keysat delivery show`` says what became of it."""
    with open_shop() as ports:
        row = ping_endpoint(
            OPERATOR,
            WebhookEndpointId(endpoint_id),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    emit(delivery_view(row), [f"Queued delivery {row.delivery.id}."])


def _switch(endpoint_id: str, *, active: bool) -> None:
    with open_shop() as ports:
        endpoint = set_endpoint_active(
            OPERATOR,
            WebhookEndpointId(endpoint_id),
            active=active,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    view = endpoint_view(endpoint, is_secret_shown=False)
    emit(view, _lines(endpoint, is_secret_shown=False))


def read_secret() -> Secret:
    """Read a secret from the first line of stdin."""
    if sys.stdin.isatty():
        note("Type the secret and press Enter; it is shown.")
    return Secret(sys.stdin.readline(WEBHOOK_SECRET_CHARS_MAX + 2).rstrip("\r\n"))


def _lines(endpoint: WebhookEndpoint, *, is_secret_shown: bool) -> list[str]:
    until = endpoint.previous_secret_until
    secrets = [
        ("secret", endpoint.secret.reveal()),
        ("signing secret", standard_secret(endpoint.secret).reveal()),
    ]
    return facts(
        [
            ("id", endpoint.id),
            ("url", endpoint.url),
            ("active", endpoint.active),
            ("events", endpoint.event_types),
            ("description", endpoint.description),
            *(secrets if is_secret_shown else ()),
            ("created at", time_text(endpoint.created_at)),
            ("updated at", time_text(endpoint.updated_at)),
            *((("old secret until", time_text(until)),) if until is not None else ()),
        ]
    )
