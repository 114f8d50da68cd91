"""``keysat rates``: what a bitcoin costs, as pinned by hand or as the sources say."""

import click

from keysat_cli.groups import NounGroup
from keysat_cli.output import emit, facts, listing, note
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.money import FIAT, Currency
from keysat_core.errors import RateUnavailable
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.rates import list_rates, refresh_rate
from keysat_core.use_cases.server.settings import pin_rate
from keysat_http.views.rate import RateList, rate_list_view, refreshed_rate_view

currency_argument = click.argument(
    "currency", type=click.Choice([str(code) for code in FIAT], case_sensitive=False)
)


@click.group(cls=NounGroup)
def rates() -> None:
    """See, refresh and pin exchange rates."""


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
@click.option("--live", is_flag=True, help="Ask the sources first; whoever is silent is skipped.")
def show(*, live: bool) -> None:
    """Show pins, and the rates that were fetched within a day by this or the server's process."""
    with open_shop() as ports:
        if live:
            _ask_all(ports)
        known = _known(ports)
    _emit(known)


@rates.command()
@currency_argument
def refresh(currency: str) -> None:
    """Ask the sources for a rate now; exit code 10 if none gives one that may be believed."""
    with open_shop() as ports:
        rate = refresh_rate(
            OPERATOR,
            currency,
            rates=ports.rates,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    emit(
        refreshed_rate_view(currency, rate),
        facts(
            [
                ("currency", currency.upper()),
                ("units per btc", f"{rate.units_per_btc:.2f}"),
                ("source", rate.source),
            ]
        ),
    )


def _ask_all(ports: Ports) -> None:
    for currency in FIAT:
        try:
            ports.rates.refresh(currency)
        except RateUnavailable as exc:
            note(str(exc))


def _known(ports: Ports) -> RateList:
    return rate_list_view(list_rates(OPERATOR, rates=ports.rates), ports.clock.now())


def _emit(known: RateList) -> None:
    rows = [
        (rate.currency, f"{rate.units_per_btc:.2f}", rate.source, f"{rate.fetched_at_secs_ago} s")
        for rate in known.rates
    ]
    headings = ("currency", "units per btc", "source", "age")
    emit(known, listing(headings, rows, noun="rates"))
