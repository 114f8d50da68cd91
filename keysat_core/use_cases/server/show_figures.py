"""Show an operator how the shop does."""

from collections.abc import Mapping
from typing import Final

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.figures import (
    MONTH_DAYS,
    Churn,
    Days,
    ProductDay,
    Sum,
    active_by_day,
    checked_days,
    last_days,
    monthly,
    next_days,
    summed,
)
from keysat_core.domain.ids import ProductId
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import FIAT, Currency
from keysat_core.domain.rate import FetchedRate
from keysat_core.errors import StoreBusy, StoreUnavailable
from keysat_core.limits import FIGURE_PRODUCTS_MAX
from keysat_core.ports.activity import ValidationLog
from keysat_core.ports.clock import Clock
from keysat_core.ports.rates import Rates
from keysat_core.ports.store import Store, Transaction


class ProductRevenue(msgspec.Struct, frozen=True, kw_only=True):
    """What one product earned, in all and by day. No id: the others together; no slug: it is gone."""

    product_id: ProductId | None
    slug: str | None
    name: str | None
    invoice_count: int
    amount_sats: int
    sats_by_day: tuple[int, ...]


class ValidationResult(msgspec.Struct, frozen=True, kw_only=True):
    """How many validations ended in one way, in all and by day."""

    result: str
    count: int
    by_day: tuple[int, ...]


class DueSum(msgspec.Struct, frozen=True, kw_only=True):
    """What falls due on a day in one currency."""

    day: int
    sum: Sum


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How the shop did on the last days, and what lies ahead.

    ``revenue`` has the product that earned most first. ``validations`` None: their log cannot be
    read. ``rates`` are those that were known; ``unrated`` are the currencies of subscriptions that
    have none, whose sums are not known in sats.
    """

    now: Instant
    days: Days
    revenue: tuple[ProductRevenue, ...]
    active_licenses: int
    active_by_product: Mapping[ProductId, int]
    active_by_day: tuple[int, ...]
    validations: tuple[ValidationResult, ...] | None
    renewal_days: Days
    renewals: tuple[DueSum, ...]
    renewal_sums: tuple[Sum, ...]
    churn: Churn
    monthly: tuple[Sum, ...]
    rates: tuple[FetchedRate, ...]
    unrated: tuple[Currency, ...]


OK: Final = "ok"
"""How the log names a validation that found nothing wrong; it comes before the reasons."""


def show_figures(
    actor: Actor,
    *,
    days: int,
    store: Store,
    validations: ValidationLog,
    rates: Rates,
    clock: Clock,
) -> Figures:
    """Give revenue, licenses and validations of the last days, and what subscriptions bring.

    Every number is kept as things happen, so the size of the shop does not matter.

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
        InvariantError: figures are not given for so many days.
    """
    authorize(actor, Scope.LICENSES_READ)
    now = clock.now()
    span = last_days(now, checked_days(days))
    ahead, month = next_days(now, MONTH_DAYS), last_days(now, MONTH_DAYS)
    known = tuple(rates.list_rates())
    by_currency = {one.rate.currency: one.rate for one in known}
    with store.reading() as tx:
        revenue = _revenue(tx, span)
        active = tx.figures.count_active_licenses()
        changes = tx.figures.list_license_days(span)
        renewals = tx.figures.list_renewal_days(ahead)
        prices = tx.figures.list_recurring_prices()
        flow = tx.figures.subscription_flow(month)
        live = tx.figures.count_live_subscriptions()
    listed = {one.currency for one in renewals} | {one.currency for one in prices}
    total = sum(active.values())
    return Figures(
        now=now,
        days=span,
        revenue=revenue,
        active_licenses=total,
        active_by_product=active,
        active_by_day=active_by_day(span, changes, total),
        validations=_validations(validations, span),
        renewal_days=ahead,
        renewals=tuple(
            DueSum(day=one.day, sum=summed(one.currency, one.number, one.value, by_currency))
            for one in renewals
        ),
        renewal_sums=tuple(
            summed(
                currency,
                sum(one.number for one in renewals if one.currency is currency),
                sum(one.value for one in renewals if one.currency is currency),
                by_currency,
            )
            for currency in Currency
            if any(one.currency is currency for one in renewals)
        ),
        churn=Churn(month, flow, live),
        monthly=tuple(monthly(prices, by_currency)),
        rates=known,
        unrated=tuple(one for one in FIAT if one in listed and one not in by_currency),
    )


def _revenue(tx: Transaction, days: Days) -> tuple[ProductRevenue, ...]:
    by_product: dict[ProductId | None, list[ProductDay]] = {}
    for one in tx.figures.list_product_days(days, FIGURE_PRODUCTS_MAX):
        by_product.setdefault(one.product_id, []).append(one)
    found = [_revenue_of(tx, days, product_id, own) for product_id, own in by_product.items()]
    found.sort(key=lambda one: (one.product_id is None, -one.amount_sats, one.product_id or ""))
    return tuple(found)


def _revenue_of(
    tx: Transaction, days: Days, product_id: ProductId | None, own: list[ProductDay]
) -> ProductRevenue:
    product = None if product_id is None else tx.products.find_product(product_id)
    return ProductRevenue(
        product_id=product_id,
        slug=product.slug if product else None,
        name=product.name if product else None,
        invoice_count=sum(one.invoice_number for one in own),
        amount_sats=sum(one.amount_sats for one in own),
        sats_by_day=days.spread({one.day: one.amount_sats for one in own}),
    )


def _validations(log: ValidationLog, days: Days) -> tuple[ValidationResult, ...] | None:
    try:
        counts = log.daily_counts(days.first, days.end)
    except (StoreBusy, StoreUnavailable):
        # The log is a file of its own; what is wrong with it the doctor tells.
        return None
    by_result: dict[str, dict[int, int]] = {}
    for one in counts:
        by_result.setdefault(one.result, {})[one.day] = one.number
    return tuple(
        ValidationResult(result=result, count=sum(own.values()), by_day=days.spread(own))
        for result, own in sorted(by_result.items(), key=lambda item: (item[0] != OK, item[0]))
    )
