"""Who is told of events, what a bitcoin costs, and what was tipped."""

from collections.abc import Iterator, Mapping
from threading import Event
from typing import Any, Final

import click
import msgspec

from keysat_cli.commands.delivery import ALREADY_DELIVERED
from keysat_cli.commands.listen import follow
from keysat_cli.commands.webhook import read_secret
from keysat_cli.failures import ServerRefused
from keysat_cli.output import note
from keysat_cli.remote.api import API
from keysat_cli.remote.row import Params, Remote, moment, said
from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.ids import EventId
from keysat_core.domain.instant import parse_rfc3339
from keysat_core.domain.money import FIAT
from keysat_core.domain.webhook_delivery import DeliveryStatus, OutboxRow
from keysat_http.views.webhook import STATUS_NAMES

ENDPOINTS: Final = "webhook-endpoints"
DELIVERIES: Final = "webhook-deliveries"
DELIVERED: Final = STATUS_NAMES[DeliveryStatus.DELIVERED]
RATES: Final = "rates"
EVENTS: Final = "events"

LOOK_SECONDS: Final = 2.0
"""How often a server is asked for events; each look costs it one read of an index."""


def _create_endpoint(api: API, p: Params) -> Any:
    secret = read_secret().reveal() if p["is_secret_given"] else None
    body = said(url=p["url"], event_types=p["events"], description=p["description"], secret=secret)
    return api.post(ENDPOINTS, body=body)


def _list_endpoints(api: API, p: Params) -> Any:
    del p
    return api.get(ENDPOINTS)


def _show_endpoint(api: API, p: Params) -> Any:
    return api.get(ENDPOINTS, p["endpoint_id"], include_secret=p["is_secret_shown"])


def _update_endpoint(api: API, p: Params) -> Any:
    secret = read_secret().reveal() if p["is_secret_given"] else None
    body = said(url=p["url"], event_types=p["events"], description=p["description"], secret=secret)
    return api.patch(ENDPOINTS, p["endpoint_id"], body=body)


def _switch_endpoint(api: API, p: Params, *, active: bool) -> Any:
    api.patch(ENDPOINTS, p["endpoint_id"], "active", body={"active": active})
    return api.get(ENDPOINTS, p["endpoint_id"])


def _delete_endpoint(api: API, p: Params) -> Any:
    known = api.get(ENDPOINTS, p["endpoint_id"])
    done = api.delete(ENDPOINTS, p["endpoint_id"])
    return done if api.is_dry_run else known


def _replay(api: API, p: Params) -> Any:
    body = {"since": moment(p["since"]), "until": moment(p["until"])}
    return api.post(ENDPOINTS, p["endpoint_id"], "replay", body=body)


def _rotate(api: API, p: Params) -> Any:
    body = {"secret": read_secret().reveal()} if p["is_secret_given"] else {}
    return api.post(ENDPOINTS, p["endpoint_id"], "rotate-secret", body=body)


def _ping(api: API, p: Params) -> Any:
    return api.post(ENDPOINTS, p["endpoint_id"], "test")


def _list_deliveries(api: API, p: Params) -> Any:
    names = ("endpoint_id", "status", "limit", "offset")
    return api.get(DELIVERIES, **{name: p[name] for name in names})


def _show_delivery(api: API, p: Params) -> Any:
    return api.get(DELIVERIES, p["delivery_id"])


def _retry_delivery(api: API, p: Params) -> Any:
    if api.get(DELIVERIES, p["delivery_id"])["status"] == DELIVERED:
        note(ALREADY_DELIVERED)
    return api.post(DELIVERIES, p["delivery_id"], "retry")


def _pin(api: API, p: Params) -> Any:
    if p["remove"] is (p["units_per_btc"] is not None):
        raise click.UsageError("give the price of one bitcoin, or --remove")
    body = {"currency": p["currency"], "units_per_btc": p["units_per_btc"]}
    return api.put(RATES, "pin", body=body)


def _show_rates(api: API, p: Params) -> Any:
    for currency in FIAT if p["live"] else ():
        try:
            api.post(RATES, "refresh", body={"currency": str(currency)})
        except ServerRefused as exc:
            if exc.code != "rate_unavailable":
                raise
            note(str(exc))
    return api.get(RATES)


def _refresh(api: API, p: Params) -> Any:
    return api.post(RATES, "refresh", body={"currency": p["currency"]})


def _list_tips(api: API, p: Params) -> Any:
    names = ("license_id", "recipient", "limit")
    return api.get("tips", **{name: p[name] for name in names})


def _cap_tips(api: API, p: Params) -> Any:
    if p["remove"] and p["sats"] is not None:
        raise click.UsageError("give a number of sats or --remove, not both")
    if p["remove"] or p["sats"] is not None:
        return api.put("tips", "cap", body={"tips_daily_cap_sats": p["sats"]})
    return api.get("tips", "cap")


def _listen(api: API, p: Params) -> None:
    """Follow the events; each look is one request for those behind the last."""

    def rows(told: Event) -> Iterator[OutboxRow]:
        page = api.get(EVENTS, since=moment(p["since"]))
        while not told.is_set():
            for event in page["events"]:
                if told.is_set():
                    return
                yield _row(event)
            if not page["events"]:
                told.wait(LOOK_SECONDS)
            page = api.get(EVENTS, after=page["after"])

    follow(rows, names=p["names"], url=p["url"], limit=p["limit"])


def _row(event: Mapping[str, Any]) -> OutboxRow:
    return OutboxRow(
        sequence=event["sequence"],
        event=OutboxEvent(
            id=EventId(event["id"]),
            event_type=event["event_type"],
            is_published=True,
            body=msgspec.json.encode(event["body"]),
            occurred_at=parse_rfc3339(event["occurred_at"], field="occurred_at"),
        ),
    )


_RATE_COLUMNS: Final = ("currency", "units_per_btc", "source", "fetched_at_secs_ago")

ROWS: Final[Mapping[str, Remote]] = {
    "webhook create": Remote(run=_create_endpoint),
    "webhook list": Remote(run=_list_endpoints, columns=("url", "active", "event_types", "id")),
    "webhook show": Remote(run=_show_endpoint),
    "webhook update": Remote(run=_update_endpoint),
    "webhook enable": Remote(run=lambda api, p: _switch_endpoint(api, p, active=True)),
    "webhook disable": Remote(run=lambda api, p: _switch_endpoint(api, p, active=False)),
    "webhook delete": Remote(run=_delete_endpoint),
    "webhook replay": Remote(run=_replay),
    "webhook rotate-secret": Remote(run=_rotate),
    "webhook test": Remote(run=_ping),
    "delivery list": Remote(
        run=_list_deliveries,
        columns=(
            "created_at", "event_type", "status", "attempt_count", "last_status_code", "last_error",
            "id",
        ),
    ),
    "delivery show": Remote(run=_show_delivery),
    "delivery retry": Remote(run=_retry_delivery),
    "rates pin": Remote(run=_pin, columns=_RATE_COLUMNS),
    "rates show": Remote(run=_show_rates, columns=_RATE_COLUMNS),
    "rates refresh": Remote(run=_refresh),
    "tip cap": Remote(run=_cap_tips),
    "listen": Remote(run=_listen),
    "tip list": Remote(
        run=_list_tips,
        columns=("created_at", "recipient", "amount_sats", "status", "license_id", "detail"),
    ),
}  # fmt: skip
