"""``keysat zaprite``: the account at Zaprite, and the cards its payers saved."""

import sys
from typing import Final

import click

from keysat_cli.groups import NounGroup
from keysat_cli.options import confirm, dry_run_option, page_options, yes_option
from keysat_cli.output import emit, facts, listing, note, time_text
from keysat_cli.provider_choice import find_chosen, none_chosen, sentence
from keysat_cli.provider_trouble import warn_of_trouble
from keysat_cli.session import OPERATOR, environment, open_shop
from keysat_cli.settings import read_public_url
from keysat_core.domain.ids import InvoiceId, MerchantProfileId
from keysat_core.domain.instant import rfc3339
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.saved_payment import ChargeState
from keysat_core.limits import PAGE_DEFAULT, PROVIDER_KEY_CHARS_MAX
from keysat_core.use_cases.connections.show_providers import count_pending, find_connection
from keysat_core.use_cases.purchases.list_invoices import show_invoice
from keysat_core.use_cases.zaprite.charge_invoice import (
    ChargedInvoice,
    ChargeInvoice,
)
from keysat_core.use_cases.zaprite.connect_zaprite import (
    ConnectZaprite,
    connect_zaprite,
)
from keysat_core.use_cases.zaprite.disconnect_zaprite import disconnect_zaprite
from keysat_core.use_cases.zaprite.list_saved_payments import list_saved_payments
from keysat_http.charging import charge_saved_card
from keysat_http.views.saved_payment import charge_view, saved_method_list_view
from keysat_http.views.zaprite import NOUN, connected_view, disconnected_view, status_view

HEADINGS: Final = ("invoice id", "buyer", "state", "method", "expires at", "charged")

_OUTCOMES: Final = {
    ChargeState.RESERVED: "is under way; ask again in a minute",
    ChargeState.CHARGED: "was charged",
    ChargeState.NOT_CHARGED: "was not charged; the buyer can still pay it by hand",
    ChargeState.FAILED: "was refused; the buyer can still pay it by hand",
    ChargeState.UNKNOWN: "had no answer; it is never charged again, its order's status decides",
}


@click.group(cls=NounGroup)
def zaprite() -> None:
    """Connect Zaprite, and charge the cards its payers saved."""


@zaprite.command()
@click.option("--profile", "profile_id", metavar="PROFILE_ID", help="Default: the default profile.")
@click.option("--base-url", metavar="URL", help="Default: https://api.zaprite.com")
@click.option("--label", metavar="TEXT", help="What the account is called, for your own eyes.")
def connect(*, profile_id: str | None, base_url: str | None, label: str | None) -> None:
    """Connect an account.

    The API key is taken from KEYSAT_ZAPRITE_API_KEY, else asked for, else read from stdin.
    """
    public_url = read_public_url(environment())
    command = ConnectZaprite(
        api_key=read_api_key(),
        base_url=base_url,
        label=label,
        merchant_profile_id=None if profile_id is None else MerchantProfileId(profile_id),
    )
    with open_shop() as ports:
        connected = connect_zaprite(
            OPERATOR,
            command,
            public_url=public_url,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            self_license=ports.self_license,
            zaprite=ports.zaprite,
        )
    view = connected_view(connected)
    registered = "registered by itself" if view.webhook_registered else "enter it at Zaprite"
    lines = [
        f"Connected {view.label} to profile {view.merchant_profile_name}.",
        f"Webhook ({registered}): {view.webhook_url}",
    ]
    emit(view, lines)
    if not view.webhook_registered:
        note(view.webhook_explainer)


@zaprite.command()
def status() -> None:
    """Show the connected account and its webhook's address."""
    public_url = read_public_url(environment())
    with open_shop() as ports:
        connection = find_connection(
            OPERATOR, ProviderKind.ZAPRITE, store=ports.store, clock=ports.clock
        )
    view = status_view(connection, public_url=public_url)
    pairs = (
        ("connected", view.connected),
        ("provider id", view.provider_id),
        ("label", view.label),
        ("profile", view.merchant_profile_name),
        ("base url", view.base_url),
        ("webhook url", view.webhook_url),
        ("webhook registered by keysat", view.webhook_registered),
        ("state", view.state),
        ("last failure", view.detail),
        ("pending invoices", view.pending_invoices),
    )
    emit(view, facts(pairs))
    warn_of_trouble(view.webhook_trouble)


@zaprite.command()
@click.option("--provider", "provider_id", metavar="PROVIDER_ID", help="Default: the default's.")
@yes_option
@dry_run_option
def disconnect(*, provider_id: str | None, is_yes: bool) -> None:
    """Forget an account's key; its invoices stay."""
    with open_shop() as ports:
        chosen = find_chosen(ProviderKind.ZAPRITE, NOUN, provider_id, store=ports.store)
        if chosen is None:
            why = none_chosen(ProviderKind.ZAPRITE, NOUN, store=ports.store)
            emit(disconnected_view(None, if_nothing=why), [sentence(why)])
            return
        pending = count_pending(OPERATOR, ProviderKind.ZAPRITE, chosen.id, store=ports.store)
        confirm(
            f"Forget the API key of {chosen.label}? {pending} invoices are open there and can then"
            " not settle.",
            is_yes=is_yes,
        )
        gone = disconnect_zaprite(
            OPERATOR,
            chosen.id,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    view = disconnected_view(gone, if_nothing="it was disconnected meanwhile")
    were_open = f" ({view.pending_invoices} invoices were open)" if gone else ""
    emit(view, [sentence(view.message + were_open)])


@zaprite.command()
@page_options(PAGE_DEFAULT)
def saved(*, limit: int, offset: int) -> None:
    """List the payment methods that buyers of recurring tiers saved."""
    with open_shop() as ports:
        page = list_saved_payments(OPERATOR, limit=limit, offset=offset, store=ports.store)
    cells = [
        (
            row.saved.invoice_id,
            row.buyer_email,
            row.saved.state,
            row.saved.profile.method if row.saved.profile else None,
            time_text(row.saved.profile.expires_at) if row.saved.profile else None,
            row.charge.state if row.charge else None,
        )
        for row in page.rows
    ]
    emit(saved_method_list_view(page), listing(HEADINGS, cells, noun="saved payment methods"))
    if page.total > offset + len(page.rows):
        note(f"There are more: add --offset {offset + limit}.")


@zaprite.command()
@click.argument("invoice_id", metavar="INVOICE")
@click.option(
    "--with",
    "saved_invoice_id",
    metavar="SAVED_INVOICE",
    required=True,
    help="The invoice with which the payment method was saved.",
)
@yes_option
def charge(invoice_id: str, *, saved_invoice_id: str, is_yes: bool) -> None:
    """Charge a saved payment method for an open invoice, once and never again."""
    with open_shop() as ports:
        due, saved = (
            show_invoice(OPERATOR, InvoiceId(one), store=ports.store).invoice
            for one in (invoice_id, saved_invoice_id)
        )
        confirm(
            f"Charge the card that {saved.buyer_email or 'nobody'} saved on"
            f" {rfc3339(saved.created_at)} for invoice {due.id} of {due.amount_sats} sats, which"
            f" {due.buyer_email or 'nobody'} opened on {rfc3339(due.created_at)}? Whoever opened it"
            " typed that address; only an invoice you know to be theirs should be charged.",
            is_yes=is_yes,
        )
        charged, invoice_status, trouble = charge_saved_card(
            ports,
            OPERATOR,
            ChargeInvoice(
                invoice_id=InvoiceId(invoice_id), saved_invoice_id=InvoiceId(saved_invoice_id)
            ),
        )
    if trouble is not None:
        note(f"Zaprite did not say how the order stands; the server asks again: {trouble}")
    _emit_charge(charged, invoice_status)


def _emit_charge(charged: ChargedInvoice, invoice_status: InvoiceStatus) -> None:
    made = charged.charge
    said = f" (Zaprite said {made.raw_status})" if made.raw_status else ""
    already = "" if charged.is_new else "There was a charge of this invoice before. "
    lines = [
        f"{already}The saved card {_OUTCOMES[made.state]}{said}.",
        f"The invoice is {invoice_status}.",
    ]
    emit(charge_view(charged, invoice_status), lines)


def read_api_key() -> str:
    """Take the key from where no other program sees it, never from the command line."""
    given = environment().find("KEYSAT_ZAPRITE_API_KEY")
    if given is not None:
        return given
    if sys.stdin.isatty():
        return str(click.prompt("API key", hide_input=True, err=True))
    return sys.stdin.readline(PROVIDER_KEY_CHARS_MAX + 2)
