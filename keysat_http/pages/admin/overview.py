"""How the shop does, at a glance. Source: admin-api 7, Overview."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.actor import Scope
from keysat_core.domain.database_info import DatabaseInfo
from keysat_core.domain.figures import FIGURE_DAYS, MONTH_DAYS, Days, Sum, total_sats
from keysat_core.domain.listing import RevenueSummary
from keysat_core.domain.money import FIAT, Currency
from keysat_core.domain.rate import FetchedRate
from keysat_core.use_cases.licenses.list_licenses import summarize_revenue
from keysat_core.use_cases.server.community import CommunityOverview, show_community
from keysat_core.use_cases.server.rates import list_rates
from keysat_core.use_cases.server.show_database import show_database
from keysat_core.use_cases.server.show_figures import OK, Figures, show_figures
from keysat_core.use_cases.webhooks.list_endpoints import list_endpoints
from keysat_http.pages.admin.frame import HOME, Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.start import lead_to_start, needs_start
from keysat_http.pages.charts import REST, Chart, Series, stacked, toned

GOOD: Final = 3
"""The green tone, for what went well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Charts:
    """What is drawn. ``is_due_in_sats``: else, without a rate, subscriptions are counted."""

    revenue: Chart
    active: Chart
    validations: Chart | None
    renewals: Chart
    is_due_in_sats: bool


@screen(HOME, needs=Scope.TIER_READ)
def show_overview(frame: NamedDependency[Frame]) -> Response[str]:
    """Show cards and charts of what the session may see; an empty shop is set up first."""
    if needs_start(frame):
        return lead_to_start(frame)
    figures = _figures(frame)
    return frame.page(
        "admin/overview.html",
        spans=FIGURE_DAYS,
        days=_chosen_days(frame),
        figures=figures,
        charts=None if figures is None else _charts(figures),
        monthly_sats=None if figures is None else total_sats(figures.monthly),
        revenue=_revenue(frame),
        webhook_count=_webhook_count(frame),
        public_key=frame.ports.keys.signing_key().verify_key.to_pem(),
        community=(community := _community(frame)),
        preview=_preview(community),
        database=_database(frame),
        rates=_rates(frame),
        currencies=FIAT,
    )


def _chosen_days(frame: Frame) -> int:
    asked = frame.query.get("days", "")
    return int(asked) if asked in map(str, FIGURE_DAYS) else MONTH_DAYS


def _figures(frame: Frame) -> Figures | None:
    if Scope.LICENSES_READ not in frame.actor.scopes:
        return None
    ports = frame.ports
    return show_figures(
        frame.actor,
        days=_chosen_days(frame),
        store=ports.store,
        validations=ports.validations,
        rates=ports.rates,
        clock=ports.clock,
    )


def _revenue(frame: Frame) -> RevenueSummary | None:
    if Scope.LICENSES_READ not in frame.actor.scopes:
        return None
    return summarize_revenue(frame.actor, store=frame.ports.store, clock=frame.ports.clock)


def _webhook_count(frame: Frame) -> int | None:
    if Scope.WEBHOOKS_READ not in frame.actor.scopes:
        return None
    return len(list_endpoints(frame.actor, store=frame.ports.store))


def _community(frame: Frame) -> CommunityOverview | None:
    if Scope.COMMUNITY_READ not in frame.actor.scopes:
        return None
    return show_community(
        frame.actor,
        version=frame.settings.version,
        started_at=frame.settings.started_at or frame.now,
        store=frame.ports.store,
        clock=frame.ports.clock,
        self_license=frame.ports.self_license,
    )


def _preview(community: CommunityOverview | None) -> str:
    if community is None:
        return ""
    return msgspec.json.format(msgspec.json.encode(community.preview), indent=2).decode()


def _database(frame: Frame) -> DatabaseInfo | None:
    if Scope.MASTER not in frame.actor.scopes:
        return None
    return show_database(frame.actor, store=frame.ports.store)


def _rates(frame: Frame) -> dict[Currency, FetchedRate] | None:
    if Scope.RATES_READ not in frame.actor.scopes:
        return None
    known = list_rates(frame.actor, rates=frame.ports.rates)
    return {one.rate.currency: one for one in known}


def _charts(figures: Figures) -> Charts:
    days = _dates(figures.days)
    sold = figures.revenue
    due_sums = [one.sum for one in figures.renewals]
    is_due_in_sats = total_sats(due_sums) is not None
    return Charts(
        revenue=stacked(
            days,
            toned(
                [one.name or one.product_id for one in sold],
                [one.sats_by_day for one in sold],
                "other products",
            ),
        ),
        active=stacked(
            days,
            [Series(name="active licenses", tone=GOOD, values=figures.active_by_day)],
            is_level=True,
        ),
        validations=_validations(figures, days),
        renewals=_renewals(figures, due_sums, is_due_in_sats=is_due_in_sats),
        is_due_in_sats=is_due_in_sats,
    )


def _validations(figures: Figures, days: Sequence[date]) -> Chart | None:
    if figures.validations is None:
        return None
    good = [one for one in figures.validations if one.result == OK]
    bad = sorted(
        (one for one in figures.validations if one.result != OK), key=lambda one: -one.count
    )
    series = [Series(name="valid", tone=GOOD, values=one.by_day) for one in good]
    tones = (1, 2, 4, 5)
    series += [
        Series(name=one.result.replace("_", " "), tone=tone, values=one.by_day)
        for one, tone in zip(bad, tones, strict=False)
    ]
    if others := bad[len(tones) :]:
        together = [sum(column) for column in zip(*(one.by_day for one in others), strict=True)]
        series.append(Series(name="other reasons", tone=REST, values=together))
    return stacked(days, series)


def _renewals(figures: Figures, sums: Sequence[Sum], *, is_due_in_sats: bool) -> Chart:
    by_day: dict[int, int] = {}
    for one, due in zip(figures.renewals, sums, strict=True):
        value = (due.amount_sats or 0) if is_due_in_sats else due.number
        by_day[one.day] = by_day.get(one.day, 0) + value
    values = figures.renewal_days.spread(by_day)
    return stacked(_dates(figures.renewal_days), [Series(name="due", tone=1, values=values)])


def _dates(days: Days) -> list[date]:
    epoch = date(1970, 1, 1).toordinal()
    return [date.fromordinal(epoch + day) for day in range(*days)]
