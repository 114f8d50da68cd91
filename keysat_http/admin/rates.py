"""Exchange rates, as operators see, refresh and pin them. Source: admin-api 2.17, B-41."""

from decimal import Decimal
from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.money import parse_currency
from keysat_core.errors import RateUnavailable
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server import rates as use_cases
from keysat_core.use_cases.server.settings import pin_rate
from keysat_http.provider_threads import ProviderThreads
from keysat_http.routes import get, post, put
from keysat_http.views.rate import RateList, RefreshedRate, rate_list_view, refreshed_rate_view

_PATH: Final = "/v1/admin/rates"
_TAGS: Final = ("rates",)


class RateRefresh(msgspec.Struct, frozen=True, kw_only=True):
    """The currency to ask for; SAT and BTC are answered without asking anybody."""

    currency: str


class RatePin(msgspec.Struct, frozen=True, kw_only=True):
    """What one bitcoin shall cost; null takes the pin away. Text keeps every digit."""

    currency: str
    units_per_btc: Decimal | None


@get(_PATH, tags=_TAGS)
def list_rates(actor: NamedDependency[Actor], ports: NamedDependency[Ports]) -> RateList:
    """List pinned rates and those that were fetched last, without asking anybody."""
    return rate_list_view(use_cases.list_rates(actor, rates=ports.rates), ports.clock.now())


@post(_PATH + "/refresh", raises=[RateUnavailable], sync_to_thread=None, tags=_TAGS)
async def refresh_rate(
    data: JSONBody[RateRefresh],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    provider_threads: NamedDependency[ProviderThreads],
) -> RefreshedRate:
    """Ask the sources for a rate now; what was known stays if they fail. A pin comes first."""
    rate = await provider_threads.run(
        lambda: use_cases.refresh_rate(
            actor,
            data.currency,
            rates=ports.rates,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    )
    return refreshed_rate_view(data.currency, rate)


@put(_PATH + "/pin", tags=_TAGS)
def put_rate_pin(
    data: JSONBody[RatePin], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> RateList:
    """Fix what one bitcoin costs in a currency, before all sources; give the rates as they are."""
    pin_rate(
        actor,
        parse_currency(data.currency, field="currency"),
        None if data.units_per_btc is None else str(data.units_per_btc),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return rate_list_view(ports.rates.list_rates(), ports.clock.now())
