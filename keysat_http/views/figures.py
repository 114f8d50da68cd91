"""The figures of a shop on the wire. Lists by day have one number for each of ``days``."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import msgspec

from keysat_core.domain.figures import Churn as DomainChurn
from keysat_core.domain.figures import Days, Sum, total_sats
from keysat_core.domain.ids import ProductId
from keysat_core.domain.instant import rfc3339
from keysat_core.use_cases.server.show_figures import Figures as Shown
from keysat_core.use_cases.server.show_figures import ValidationResult
from keysat_http.views.rate import KnownRate, rate_list_view

_EPOCH: Final = date(1970, 1, 1).toordinal()


class ProductFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What one product earned. Without an id it is the others together, without a slug it is gone."""

    product_id: str | None
    product_slug: str | None
    product_name: str | None
    settled_paid_invoice_count: int
    amount_sats: int
    sats_by_day: tuple[int, ...]


class RevenueFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What settled invoices brought in on these days; the product that earned most comes first."""

    total_sats: int
    settled_paid_invoice_count: int
    products: list[ProductFigures]


class LicenseFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Licenses that are neither suspended nor revoked; ``active_by_day`` is at the end of each day."""

    active: int
    by_product: Mapping[ProductId, int]
    active_by_day: tuple[int, ...]


class SumView(msgspec.Struct, frozen=True, kw_only=True):
    """What subscriptions bring in one currency, in its smallest unit; null sats: no rate is known."""

    currency: str
    subscription_count: int
    amount: int
    amount_sats: int | None


class DueView(msgspec.Struct, frozen=True, kw_only=True):
    """What falls due on a day in one currency."""

    day: str
    currency: str
    subscription_count: int
    amount: int
    amount_sats: int | None


class RenewalFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Active subscriptions that fall due within 30 days, by day and in all. Overdue ones are today's."""

    until: str
    subscription_count: int
    total_sats: int | None
    by_day: list[DueView]
    sums: list[SumView]


class ChurnFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Subscriptions that lapsed or were cancelled within 30 days, of those live when these began."""

    since: str
    live: int
    live_at_start: int
    started: int
    ended: int
    churn_bps: int | None


class MonthlyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What active subscriptions bring in 30 days at their listed prices."""

    total_sats: int | None
    sums: list[SumView]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How the shop did. ``validations`` null: their log cannot be read; see ``keysat doctor``.

    ``rates`` are what sats were reckoned with, ``unrated`` the currencies that have no rate now.
    """

    since: str
    until: str
    days: list[str]
    revenue: RevenueFigures
    licenses: LicenseFigures
    validations: list[ValidationResult] | None
    renewals: RenewalFigures
    churn: ChurnFigures
    monthly: MonthlyFigures
    rates: list[KnownRate]
    unrated: list[str]


def day_text(day: int) -> str:
    """Spell a day as a date."""
    return date.fromordinal(_EPOCH + day).isoformat()


def figures_view(shown: Shown) -> Figures:
    """Render figures."""
    return Figures(
        since=rfc3339(shown.days.since),
        until=rfc3339(shown.now),
        days=[day_text(day) for day in range(*shown.days)],
        revenue=_revenue(shown),
        licenses=LicenseFigures(
            active=shown.active_licenses,
            by_product=shown.active_by_product,
            active_by_day=shown.active_by_day,
        ),
        validations=None if shown.validations is None else list(shown.validations),
        renewals=_renewals(shown, shown.renewal_days),
        churn=_churn(shown.churn),
        monthly=MonthlyFigures(total_sats=total_sats(shown.monthly), sums=_sums(shown.monthly)),
        rates=rate_list_view(shown.rates, shown.now).rates,
        unrated=[str(one) for one in shown.unrated],
    )


def _revenue(shown: Shown) -> RevenueFigures:
    return RevenueFigures(
        total_sats=sum(one.amount_sats for one in shown.revenue),
        settled_paid_invoice_count=sum(one.invoice_count for one in shown.revenue),
        products=[
            ProductFigures(
                product_id=one.product_id,
                product_slug=one.slug,
                product_name=one.name,
                settled_paid_invoice_count=one.invoice_count,
                amount_sats=one.amount_sats,
                sats_by_day=one.sats_by_day,
            )
            for one in shown.revenue
        ],
    )


def _renewals(shown: Shown, days: Days) -> RenewalFigures:
    return RenewalFigures(
        until=rfc3339(days.until),
        subscription_count=sum(one.number for one in shown.renewal_sums),
        total_sats=total_sats(shown.renewal_sums),
        by_day=[
            DueView(
                day=day_text(one.day),
                currency=str(one.sum.currency),
                subscription_count=one.sum.number,
                amount=one.sum.amount,
                amount_sats=one.sum.amount_sats,
            )
            for one in shown.renewals
        ],
        sums=_sums(shown.renewal_sums),
    )


def _churn(churn: DomainChurn) -> ChurnFigures:
    return ChurnFigures(
        since=rfc3339(churn.days.since),
        live=churn.live,
        live_at_start=churn.live_at_start,
        started=churn.flow.started,
        ended=churn.flow.ended,
        churn_bps=churn.rate_bps,
    )


def _sums(sums: Iterable[Sum]) -> list[SumView]:
    return [
        SumView(
            currency=str(one.currency),
            subscription_count=one.number,
            amount=one.amount,
            amount_sats=one.amount_sats,
        )
        for one in sums
    ]
