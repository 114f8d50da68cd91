"""``keysat settings``: what is set while the server runs, and set without a restart."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import click
import msgspec

from keysat_cli.groups import NounGroup
from keysat_cli.output import emit, facts
from keysat_cli.session import OPERATOR, environment, open_shop
from keysat_cli.settings import read_store_settings
from keysat_core.domain.retention import KEEP, spell_days
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.operator_name import set_operator_name, show_operator_name
from keysat_core.use_cases.server.retention import (
    ChangeRetention,
    change_retention,
    show_retention,
)
from keysat_core.use_cases.server.settings import set_late_payments, show_late_payments
from keysat_http.views.operator_settings import OperatorName, RetentionDays, operator_name_view

ON_OFF: Final = {"on": True, "off": False}

Setter: TypeAlias = Callable[[Ports, str], None]


class EverySetting(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator sets while the server runs."""

    operator_name: OperatorName
    accept_late_payments: bool
    retention: RetentionDays


def _set_name(ports: Ports, value: str) -> None:
    set_operator_name(OPERATOR, value, store=ports.store, clock=ports.clock, ids=ports.ids)


def _set_late(ports: Ports, value: str) -> None:
    if value not in ON_OFF:
        raise click.UsageError("accept-late-payments is on or off")
    set_late_payments(
        OPERATOR,
        is_accepted=ON_OFF[value],
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )


def _set_validations(ports: Ports, value: str) -> None:
    _keep(ports, ChangeRetention(validation_days=read_days(value)))


def _set_deliveries(ports: Ports, value: str) -> None:
    _keep(ports, ChangeRetention(delivery_days=read_days(value)))


SETTERS: Final[Mapping[str, Setter]] = {
    "operator-name": _set_name,
    "accept-late-payments": _set_late,
    "keep-validations": _set_validations,
    "keep-deliveries": _set_deliveries,
}


@click.group(cls=NounGroup)
def settings() -> None:
    """See and change what is set while the server runs; the rest is in the environment."""


@settings.command()
def show() -> None:
    """Show every setting and where it comes from."""
    with open_shop() as ports:
        every = _every(ports)
    _emit(every)


@settings.command("set")
@click.argument("name", type=click.Choice(list(SETTERS)))
@click.argument("value")
def set_(name: str, value: str) -> None:
    """Change a setting; a server uses it at once.

    \b
    operator-name         the name buyers see; "" takes it away
    accept-late-payments  on or off
    keep-validations      days, or keep for ever; 90 days unless set
    keep-deliveries       days, or keep for ever; for ever unless set
    """  # noqa: D301  click reads \b, which keeps the lines as they are
    with open_shop() as ports:
        SETTERS[name](ports, value)
        every = _every(ports)
    _emit(every)


def _keep(ports: Ports, command: ChangeRetention) -> None:
    change_retention(OPERATOR, command, store=ports.store, clock=ports.clock, ids=ports.ids)


def read_days(value: str) -> int | None:
    """Read for how long something is kept; None is for ever."""
    if value == KEEP:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < 10):  # noqa: PLR2004
        raise click.UsageError(f"{value!r} is neither a number of days nor {KEEP}")
    return int(value)


def _every(ports: Ports) -> EverySetting:
    kept = show_retention(OPERATOR, store=ports.store)
    return EverySetting(
        operator_name=operator_name_view(
            show_operator_name(OPERATOR, store=ports.store),
            read_store_settings(environment()).operator_name,
        ),
        accept_late_payments=show_late_payments(OPERATOR, store=ports.store),
        retention=RetentionDays(
            validation_days=kept.validation_days, delivery_days=kept.delivery_days
        ),
    )


def _emit(every: EverySetting) -> None:
    name, kept = every.operator_name, every.retention
    pairs = [
        ("operator-name", name.effective),
        ("accept-late-payments", "on" if every.accept_late_payments else "off"),
        ("keep-validations", spell_days(kept.validation_days)),
        ("keep-deliveries", spell_days(kept.delivery_days)),
    ]
    emit(every, facts(pairs))
