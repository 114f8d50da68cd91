"""``keysat invoice``: what was sold, and what went wrong with its payment."""

from typing import Final

import click

from keysat_cli.commands.filter_options import invoice_filter_options
from keysat_cli.groups import NounGroup
from keysat_cli.options import MOMENT, confirm, dry_run_option, page_options, yes_option
from keysat_cli.output import emit, facts, listing, note, time_text
from keysat_cli.session import OPERATOR, open_asking_shop, open_shop
from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.listing import InvoiceFilter, InvoiceRow
from keysat_core.domain.money import Money
from keysat_core.limits import PAGE_DEFAULT
from keysat_core.use_cases.licenses.list_licenses import sum_up_revenue, summarize_revenue
from keysat_core.use_cases.purchases.list_invoices import list_invoices, show_invoice
from keysat_core.use_cases.purchases.settle_by_hand import SettleByHand
from keysat_core.use_cases.server.settings import set_late_payments, show_late_payments
from keysat_http.by_hand import ask_provider, take_word
from keysat_http.views.invoice import invoice_list_view, invoice_view, settled_invoice_view
from keysat_http.views.late_payments import LatePayments
from keysat_http.views.license import revenue_view

HEADINGS: Final = (
    "id", "status", "attention", "product", "buyer", "sats", "listed", "created at",
)  # fmt: skip
ACCEPT: Final = "accept"
WAIT: Final = "wait"

id_argument = click.argument("invoice_id", metavar="INVOICE_ID")


@click.group(cls=NounGroup)
def invoice() -> None:
    """See invoices, and settle those whose payment went wrong."""


@invoice.command("list")
@invoice_filter_options
@page_options(PAGE_DEFAULT)
def list_(
    *,
    status: str | None,
    product_slug: str | None,
    buyer_email: str | None,
    invoice_id: str | None,
    account_id: str | None,
    attention: bool,
    since: Instant | None,
    until: Instant | None,
    limit: int,
    offset: int,
) -> None:
    """List invoices, newest first; every option given must match."""
    criteria = InvoiceFilter(
        status=InvoiceStatus(status) if status else None,
        buyer_email=buyer_email,
        invoice_id=invoice_id,
        provider_account_id=None if account_id is None else ProviderAccountId(account_id),
        is_attention_needed=attention,
        since=since,
        until=until,
        limit=limit,
        offset=offset,
    )
    with open_shop() as ports:
        page = list_invoices(OPERATOR, criteria, product_slug=product_slug, store=ports.store)
    cells = [
        (
            row.invoice.id,
            row.invoice.status,
            row.invoice.attention,
            row.product_slug,
            row.invoice.buyer_email,
            row.invoice.amount_sats,
            _listed(row.invoice),
            time_text(row.invoice.created_at),
        )
        for row in page.rows
    ]
    emit(invoice_list_view(page, criteria), listing(HEADINGS, cells, noun="invoices"))
    if page.total > offset + len(page.rows):
        note(f"{page.total} match; for more add --offset {offset + limit}.")


@invoice.command()
@id_argument
def show(invoice_id: str) -> None:
    """Show an invoice."""
    with open_shop() as ports:
        row = show_invoice(OPERATOR, InvoiceId(invoice_id), store=ports.store)
    emit(invoice_view(row), _lines(row))


@invoice.command()
@id_argument
@click.option("--reason", metavar="TEXT", help="Kept in the audit log.")
@click.option("--force", "is_forced", is_flag=True, help="Also while its buyer may still pay it.")
@yes_option
@dry_run_option
def settle(invoice_id: str, *, reason: str | None, is_forced: bool, is_yes: bool) -> None:
    """Settle an invoice on your word, and issue its license.

    Its payment provider is asked first. An invoice that has expired or become invalid is then
    settled whatever the provider says, one that can still be paid only with --force, which asks.
    """
    command = SettleByHand(invoice_id=InvoiceId(invoice_id), reason=reason, is_forced=is_forced)
    with open_asking_shop() as ports:
        asked = ask_provider(ports, OPERATOR, command.invoice_id)
        if is_forced:
            row = show_invoice(OPERATOR, command.invoice_id, store=ports.store)
            if row.invoice.status is not InvoiceStatus.SETTLED:
                confirm(_forced(row, is_answered=asked is not None), is_yes=is_yes)
        settled = take_word(ports, OPERATOR, command, asked)
    if settled.is_already:
        note(f"Invoice {invoice_id} was settled already.")
    emit(settled_invoice_view(settled), _lines(settled.row))


@invoice.command("late-payments")
@click.argument("choice", type=click.Choice([ACCEPT, WAIT]), required=False)
def late_payments(*, choice: str | None) -> None:
    """Say whether a payment that came after expiry is accepted once it is final, or waits for you."""
    with open_shop() as ports:
        if choice is not None:
            set_late_payments(
                OPERATOR,
                is_accepted=choice == ACCEPT,
                store=ports.store,
                clock=ports.clock,
                ids=ports.ids,
            )
        is_accepted = show_late_payments(OPERATOR, store=ports.store)
    what = "are accepted once they are final" if is_accepted else "wait until you settle them"
    emit(LatePayments(enabled=is_accepted), [f"Late payments {what}."])


@invoice.command()
@click.option("--since", type=MOMENT, help="Also of a time alone: from here on, RFC 3339.")
@click.option("--until", type=MOMENT, help="And before this.")
def revenue(*, since: Instant | None, until: Instant | None) -> None:
    """Add up what settled invoices brought in, in sats."""
    window = None
    with open_shop() as ports:
        summed = summarize_revenue(OPERATOR, store=ports.store, clock=ports.clock)
        if since is not None or until is not None:
            window = sum_up_revenue(OPERATOR, since=since, until=until, store=ports.store)
    pairs = (
        ("total", summed.total_sats),
        ("last 24 h", summed.last_24h_sats),
        ("last 7 d", summed.last_7d_sats),
        ("last 30 d", summed.last_30d_sats),
        ("paid invoices", summed.settled_paid_invoice_count),
        ("in that time", window.total_sats if window else None),
        ("paid invoices then", window.settled_paid_invoice_count if window else None),
    )
    emit(revenue_view(summed, window), facts(pairs))


def _forced(row: InvoiceRow, *, is_answered: bool) -> str:
    """Ask about settling what nobody saw paid, with what is known of it."""
    found = row.invoice
    says = f"says that it is {found.status}" if is_answered else "gave no answer"
    payable = "; its buyer can still pay it there" if found.status is InvoiceStatus.PENDING else ""
    whose = f" to {found.buyer_email}" if found.buyer_email else ""
    return (
        f"Issue a license of {row.product_slug}{whose} as if the {found.amount_sats} sats of invoice"
        f" {found.id} had been paid? Its payment provider {says}{payable}. This cannot be undone,"
        " only the license revoked."
    )


def _listed(found: Invoice) -> Money | None:
    if found.listed_currency is None or found.listed_value is None:
        return None
    return Money(currency=found.listed_currency, amount=found.listed_value)


def _lines(row: InvoiceRow) -> list[str]:
    found = row.invoice
    return facts(
        (
            ("id", found.id),
            ("status", found.status),
            ("attention", found.attention),
            ("product", row.product_slug),
            ("policy", row.policy_slug),
            ("sats", found.amount_sats),
            ("listed", _listed(found)),
            ("rate from", found.exchange_rate_source),
            ("rail", found.rail),
            ("buyer", found.buyer_email),
            ("note", found.buyer_note),
            ("provider", row.provider_kind),
            ("provider account", found.provider_account_id),
            ("connected", row.is_provider_connected),
            ("provider invoice", found.provider_invoice_id),
            ("provider says", found.provider_status_raw),
            ("checkout", found.checkout_url),
            ("license id", row.license_id),
            ("settled by", found.settled_by),
            ("created at", time_text(found.created_at)),
            ("settled at", time_text(found.settled_at)),
            ("last asked at", time_text(found.last_checked_at)),
        )
    )
