"""``keysat rates``: what a bitcoin costs, as pinned by hand."""

from typing import Final

import click
import msgspec

from keysat_cli.groups import NounGroup
from keysat_cli.output import emit, listing
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.money import Currency
from keysat_core.errors import RateUnavailable
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.settings import pin_rate

FIAT: Final = tuple(currency for currency in Currency if currency is not Currency.SAT)

currency_argument = click.argument(
    "currency", type=click.Choice([str(code) for code in FIAT], case_sensitive=False)
)


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """One rate (admin-api 2.17)."""

    currency: str
    units_per_btc: float
    source: str


class RateList(msgspec.Struct, frozen=True, kw_only=True):
    """The rates that are known."""

    rates: list[Rate]


@click.group(cls=NounGroup)
def rates() -> None:
    """Pin exchange rates."""


@rates.command()
@currency_argument
@click.argument("units_per_btc", required=False)
@click.option("--remove", is_flag=True, help="Take the pin away.")
def pin(currency: str, *, units_per_btc: str | None, remove: bool) -> None:
    """Fix what one bitcoin costs, as in: keysat rates pin USD 65000."""
    if remove is (units_per_btc is not None):
        raise click.UsageError("give the price of one bitcoin, or --remove")
    with open_shop() as ports:
        pin_rate(
            OPERATOR,
            Currency(currency),
            units_per_btc,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
        known = _known(ports)
    _emit(known)


@rates.command()
def show() -> None:
    """Show the rates that are known."""
    with open_shop() as ports:
        known = _known(ports)
    _emit(known)


def _known(ports: Ports) -> list[Rate]:
    found = []
    for currency in FIAT:
        try:
            rate = ports.rates.rate(currency)
        except RateUnavailable:
            continue
        found.append(
            Rate(
                currency=str(currency),
                units_per_btc=float(rate.units_per_btc),
                source=rate.source,
            )
        )
    return found


def _emit(known: list[Rate]) -> None:
    rows = [(rate.currency, f"{rate.units_per_btc:.2f}", rate.source) for rate in known]
    headings = ("currency", "units per btc", "source")
    emit(RateList(rates=known), listing(headings, rows, noun="rates"))
