"""Prices with a code taken off: one routine for purchase, preview and tier list (lifecycles 6.3)."""

from collections.abc import Mapping
from typing import Final

import msgspec

from keysat_core.domain.code import Code, CodeKind, discount
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.rate import Quote, Rate, convert
from keysat_core.errors import InvariantError
from keysat_core.limits import AMOUNT_MAX

_RELATIVE: Final = frozenset({CodeKind.PERCENT, CodeKind.FREE_LICENSE})
"""Kinds whose amount is no money."""


class Pricing(msgspec.Struct, frozen=True, kw_only=True):
    """A price in sats before and after a code, and the quote before it.

    ``final_value`` is what is left of the listed price, in its own currency.
    """

    quote: Quote
    discount_sats: int
    final_sats: int
    final_value: int

    @property
    def base_sats(self) -> int:
        """The price without the code."""
        return self.quote.amount_sats


def currencies_of(price: Money, code: Code | None) -> frozenset[Currency]:
    """Tell whose rates a price with a code needs; none for what costs nothing."""
    if price.amount == 0:
        return frozenset()
    needed = {price.currency}
    if code is not None and not _is_same_unit(code, price):
        needed.add(code.currency)
    return frozenset(needed - {Currency.SAT})


def priced(price: Money, code: Code | None, rates: Mapping[Currency, Rate]) -> Pricing:
    """Quote a listed price, with a code taken off.

    A code in the listed currency counts in it, before anything is converted; any other in sats (D16).
    What costs nothing needs no code, and none is counted (D14). What a code brings to nothing is free
    (decisions 2); what is left of anything else is at least 1 sat.

    Raises:
        InvariantError: a rate of ``currencies_of`` is missing, or a quote too large.
    """
    quote = convert(price, rates.get(price.currency))
    base = quote.amount_sats
    if code is None or base == 0:
        return Pricing(quote=quote, discount_sats=0, final_sats=base, final_value=price.amount)
    if code.kind not in _RELATIVE and code.currency is price.currency:
        left = price.amount - discount(code.kind, code.amount, price.amount)
        remaining = Money(currency=price.currency, amount=left)
        final = convert(remaining, rates.get(price.currency)).amount_sats
        return Pricing(quote=quote, discount_sats=base - final, final_sats=final, final_value=left)
    amount = code.amount
    if code.kind not in _RELATIVE:
        amount = _sats_of(code, rates)
    off = discount(code.kind, amount, base)
    return Pricing(
        quote=quote,
        discount_sats=off,
        final_sats=base - off,
        final_value=_value_left(price, code, base, off),
    )


def _sats_of(code: Code, rates: Mapping[Currency, Rate]) -> int:
    """A code's amount in sats; more than there can be is as good as all there is."""
    money = Money(currency=code.currency, amount=code.amount)
    try:
        return convert(money, rates.get(code.currency)).amount_sats
    except InvariantError:
        if code.currency is not Currency.SAT and code.currency not in rates:
            raise
        return AMOUNT_MAX


def _value_left(price: Money, code: Code, base: int, off: int) -> int:
    """What is left in the listed currency, for people to read; it charges nobody."""
    if code.kind in _RELATIVE:
        return price.amount - discount(code.kind, code.amount, price.amount)
    left = price.amount * (base - off) // base
    return max(left, 1) if base > off else 0


def _is_same_unit(code: Code, price: Money) -> bool:
    return code.kind in _RELATIVE or code.currency is price.currency
