"""Use cases as a table, for tests of what holds for all of them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import InvoiceId, LicenseId
from keysat_core.domain.listing import InvoiceFilter
from keysat_core.domain.money import Currency
from tests.support.scripted_rates import ScriptedRates
from tests.support.trade import PATRON, Trade

DOLLARS: Final = ScriptedRates(units_per_btc={Currency.USD: Decimal(65_000)})

Arguments = tuple[list[Any], dict[str, Any]]


class Command(msgspec.Struct, frozen=True):
    """A use case, the scope it asks for, and what it is given beside the actor and the store."""

    use_case: Callable[..., object]
    scope: Scope | None
    given: Callable[[Trade], Arguments]
    is_told: bool = True
    audits: int = 1
    events: int = 1


def ports(trade: Trade) -> dict[str, Any]:
    return {"clock": trade.clock, "ids": trade.ids}


def tiered(trade: Trade) -> dict[str, Any]:
    return ports(trade) | {"self_license": PATRON}


def license_id(trade: Trade) -> LicenseId:
    return trade.licenses()[0].id


def invoice_id(trade: Trade) -> InvoiceId:
    with trade.store.reading() as tx:
        return tx.invoices.list_invoices(InvoiceFilter()).rows[0].invoice.id
