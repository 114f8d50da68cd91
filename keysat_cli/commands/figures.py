"""``keysat figures``: how the shop does."""

from collections.abc import Sequence
from typing import Final

import click

from keysat_cli.groups import JSONCommand
from keysat_cli.output import NOTHING, emit, facts, listing, money_text
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.figures import FIGURE_DAYS, MONTH_DAYS
from keysat_core.domain.money import Currency, Money
from keysat_core.use_cases.server.show_figures import show_figures
from keysat_http.views.figures import Figures, SumView, figures_view

OTHERS: Final = "others"


@click.command(cls=JSONCommand)
@click.option(
    "--days",
    type=click.Choice([str(days) for days in FIGURE_DAYS]),
    default=str(MONTH_DAYS),
    show_default=True,
    help="How many days, of which today is one.",
)
def figures(*, days: str) -> None:
    """Show revenue, licenses, validations and subscriptions of the last days.

    With --json each has a number for every day. Sats of other currencies are reckoned with the rate
    that is known; without one they are left out.
    """
    with open_shop() as ports:
        view = figures_view(
            show_figures(
                OPERATOR,
                days=int(days),
                store=ports.store,
                validations=ports.validations,
                rates=ports.rates,
                clock=ports.clock,
            )
        )
    emit(view, _lines(view))


def _lines(view: Figures) -> list[str]:
    churn = view.churn
    lines = facts(
        [
            ("revenue", f"{view.revenue.total_sats} SAT"),
            ("paid invoices", view.revenue.settled_paid_invoice_count),
            ("active licenses", view.licenses.active),
            ("due within 30 days", _shown_sums(view.renewals.sums)),
            ("brought in 30 days", _shown_sums(view.monthly.sums)),
            ("subscriptions", churn.live),
            ("ended in 30 days", f"{churn.ended} of {churn.live_at_start}"),
        ]
    )
    sold = [
        (
            one.product_slug or one.product_id or OTHERS,
            one.settled_paid_invoice_count,
            one.amount_sats,
        )
        for one in view.revenue.products
    ]
    ended = [(one.result, one.count) for one in view.validations or ()]
    if sold:
        lines += ["", *listing(("product", "paid invoices", "sats"), sold, noun="sales")]
    if ended:
        lines += ["", *listing(("validation", "count"), ended, noun="validations")]
    if view.validations is None:
        lines += ["", "The validation log cannot be read; see: keysat doctor"]
    if view.unrated:
        lines += ["", f"No rate is known of {', '.join(view.unrated)}; run: keysat rates refresh"]
    return lines


def _shown_sums(sums: Sequence[SumView]) -> str:
    """Spell sums in the currencies they are listed in, and in sats where that is another."""
    return ", ".join(_shown(one) for one in sums) or NOTHING


def _shown(one: SumView) -> str:
    listed = money_text(Money(currency=Currency(one.currency), amount=one.amount))
    if one.amount_sats is None or one.currency == Currency.SAT:
        return listed
    return f"{listed} ({one.amount_sats} SAT)"
