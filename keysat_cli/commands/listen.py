"""``keysat listen``: events as they happen, printed and, if wished, sent to a program under test."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event
from typing import Final

import click
import msgspec

from keysat_adapters.outbound.webhook_sender import HTTPWebhookSender
from keysat_cli.groups import JSONCommand
from keysat_cli.options import MOMENT
from keysat_cli.output import clean, is_json_wanted, note
from keysat_cli.session import OPERATOR, open_shop
from keysat_cli.wiring import CLOCK, ENTROPY, open_webhook_sender
from keysat_core.domain.ids import DeliveryId
from keysat_core.domain.instant import Instant, rfc3339
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_delivery import OutboxRow, Reply
from keysat_core.domain.webhook_endpoint import (
    EVERY_EVENT,
    SECRET_BYTES,
    checked_endpoint_url,
    checked_event_types,
    wants,
)
from keysat_core.domain.webhook_signature import standard_secret, webhook_headers
from keysat_core.ports.store import Store
from keysat_core.use_cases.webhooks.follow_events import place_in_events, read_events

POLL_SECONDS: Final = 0.5
"""How often the outbox is looked at; a look is one read of an index."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Forwarded(msgspec.Struct, frozen=True, kw_only=True):
    """What the program that an event was sent to answered; ``status`` null for no answer."""

    status: int | None
    error: str | None


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One event, as a line of JSON."""

    sequence: int
    id: str
    event_type: str
    body: msgspec.Raw
    forwarded: Forwarded | None = None


class Forwarder:
    """Sends events to one URL, signed with a secret of this session."""

    def __init__(self, url: str, sender: HTTPWebhookSender) -> None:
        self._url = checked_endpoint_url(url)
        self._sender = sender
        self.secret = Secret(ENTROPY.token(SECRET_BYTES).hex())

    def forward(self, row: OutboxRow) -> Reply:
        """Send an event once; the event's id stands for that of a delivery."""
        event = row.event
        headers = webhook_headers(
            self.secret,
            delivery_id=DeliveryId(event.id),
            event_type=event.event_type,
            body=event.body,
            now=CLOCK.now(),
        )
        return self._sender.send(self._url, headers, event.body)


@click.command(cls=JSONCommand)
@click.option(
    "--events", "names", metavar="NAMES", default=EVERY_EVENT, help="Only these; commas between."
)
@click.option("--since", type=MOMENT, help="Begin with the events from this instant on, RFC 3339.")
@click.option("--forward-to", "url", metavar="URL", help="POST each to this address, signed.")
@click.option("--limit", type=click.IntRange(1), help="Stop after this many events.")
def listen(*, names: str, since: Instant | None, url: str | None, limit: int | None) -> None:
    """Print events as they happen; with --json each is a line.

    With --forward-to each is also sent, once, to a program you are writing, signed as webhooks are,
    and its answer is printed. The secret is made anew each time and printed on stderr. It stops at
    Ctrl-C or SIGTERM and then exits with 0.
    """
    with open_shop() as ports:
        sequence = place_in_events(OPERATOR, since, store=ports.store)
        follow(lambda told: _rows(ports.store, sequence, told), names=names, url=url, limit=limit)


def follow(
    rows: Callable[[Event], Iterator[OutboxRow]], *, names: str, url: str | None, limit: int | None
) -> None:
    """Print events, wherever they come from, until there were enough or a signal says stop.

    ``rows`` gives them, oldest first, and ends soon after the event it is given is set.
    """
    event_types = checked_event_types(name.strip() for name in names.split(",") if name.strip())
    with ExitStack() as stack:
        forwarder = None
        if url is not None:
            sender = stack.enter_context(open_webhook_sender(is_private_allowed=True))
            forwarder = Forwarder(url, sender)
        told = stack.enter_context(_stop_signal())
        _greet(forwarder, url)
        heard = 0
        for row in rows(told):
            if not wants(event_types, row.event.event_type):
                continue
            _say(row, forwarder.forward(row) if forwarder else None)
            heard += 1
            if heard == limit:
                return


def _rows(store: Store, sequence: int, told: Event) -> Iterator[OutboxRow]:
    while not told.is_set():
        rows = read_events(OPERATOR, sequence, store=store)
        for row in rows:
            if told.is_set():
                return
            yield row
            sequence = row.sequence
        if not rows:
            told.wait(POLL_SECONDS)


def _greet(forwarder: Forwarder | None, url: str | None) -> None:
    note("Listening for events; stop with Ctrl-C.")
    if forwarder is not None:
        note(f"Each is sent to {url}, signed with the secret {forwarder.secret.reveal()}")
        note(f"  for Standard Webhooks: {standard_secret(forwarder.secret).reveal()}")


def _say(row: OutboxRow, reply: Reply | None) -> None:
    event = row.event
    forwarded = None
    if reply is not None:
        error = None if reply.is_accepted else reply.text
        forwarded = Forwarded(status=reply.status_code, error=error)
    if is_json_wanted():
        heard = Heard(
            sequence=row.sequence,
            id=event.id,
            event_type=event.event_type,
            body=msgspec.Raw(event.body),
            forwarded=forwarded,
        )
        click.echo(msgspec.json.encode(heard).decode())
        return
    data = msgspec.json.decode(event.body, type=dict[str, msgspec.Raw])["data"]
    line = f"{rfc3339(event.occurred_at)}  {event.event_type}  {bytes(data).decode()}"
    if reply is not None:
        line += f"  -> {reply.status_code or 'no answer'}"
        line += f" {reply.text}" if reply.text else ""
    click.echo(clean(line))


@contextmanager
def _stop_signal() -> Iterator[Event]:
    told = Event()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, lambda *_: told.set())
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
