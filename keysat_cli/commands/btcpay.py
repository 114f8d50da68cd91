"""``keysat btcpay``: connect a BTCPay Server, see what is connected, disconnect it."""

import sys
from typing import Final

import click

from keysat_cli.groups import NounGroup
from keysat_cli.options import confirm, dry_run_option, yes_option
from keysat_cli.output import emit, listing, note
from keysat_cli.provider_choice import find_chosen, none_chosen, sentence
from keysat_cli.provider_trouble import warn_of_trouble
from keysat_cli.session import OPERATOR, environment, open_shop
from keysat_cli.settings import read_public_url, read_webhook_base
from keysat_core.domain.ids import MerchantProfileId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.secret import Secret
from keysat_core.errors import InvariantError
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.connections.begin_connect import (
    BeginConnect,
    ConnectLink,
    begin_connect,
)
from keysat_core.use_cases.connections.disconnect_btcpay import Disconnected, disconnect_btcpay
from keysat_core.use_cases.connections.finish_connect import FinishConnect, finish_connect
from keysat_core.use_cases.connections.show_providers import (
    count_pending,
    find_connection,
    list_payment_methods,
)
from keysat_http.admin.btcpay import ConnectStarted, PaymentMethodList
from keysat_http.views.btcpay import NOUN, disconnected_view, status_view

KEY_CHARS_MAX: Final = 200
"""Longer than any key; BTCPay's have 40 characters."""


@click.group(cls=NounGroup)
def btcpay() -> None:
    """Connect a BTCPay Server, which takes the payments."""


@btcpay.command()
@click.option("--profile", "profile_id", metavar="ID", help="The profile to be paid.")
@click.option("--label", metavar="TEXT", help="What to call it.")
@click.option("--store", "store_id", metavar="ID", help="Which store, if the key covers several.")
@click.option(
    "--api-key-stdin",
    "is_key_given",
    is_flag=True,
    help="Read a key made by hand from standard input instead of asking for consent.",
)
def connect(
    *, profile_id: str | None, label: str | None, store_id: str | None, is_key_given: bool
) -> None:
    """Print the link under which you let Keysat use a store; the running server does the rest.

    Needs BTCPAY_URL and KEYSAT_PUBLIC_URL. The link works once, within 30 minutes.
    """
    public_url = read_public_url(environment())
    wanted = BeginConnect(
        merchant_profile_id=None if profile_id is None else MerchantProfileId(profile_id),
        label=label,
        store_id=store_id,
    )
    key = _key_from_stdin() if is_key_given else None
    with open_shop() as ports:
        link = begin_connect(
            OPERATOR,
            wanted,
            public_url=public_url,
            is_sandbox=False,
            store=ports.store,
            clock=ports.clock,
            entropy=ports.entropy,
            btcpay=ports.btcpay,
        )
        if key is not None:
            _finish(ports, link, key, read_webhook_base(environment(), public_url))
            return
    started = ConnectStarted(
        authorize_url=link.authorize_url,
        state=link.token.reveal(),
        merchant_profile_id=link.merchant_profile_id,
    )
    emit(started, ["Open this link in your browser and approve:", "", link.authorize_url])


@btcpay.command()
def status() -> None:
    """Show which store is connected."""
    with open_shop() as ports:
        connection = find_connection(
            OPERATOR, ProviderKind.BTCPAY, store=ports.store, clock=ports.clock
        )
    lines = ["No BTCPay Server is connected. Connect one with: keysat btcpay connect"]
    if connection is not None:
        account = connection.account
        lines = [
            f"Connected: {account.label}",
            f"  server    {account.base_url}",
            f"  store     {account.store_name or '-'} ({account.store_id})",
            f"  webhook   {account.webhook_id}",
            f"  profile   {connection.profile.name}",
            f"  state     {connection.state.replace('_', ' ')}",
            f"  pending   {connection.pending} invoices",
            *([f"  failed    {connection.health.detail}"] if connection.health.detail else []),
        ]
    view = status_view(connection)
    emit(view, lines)
    warn_of_trouble(view.webhook_trouble)


@btcpay.command()
@click.option("--provider", "provider_id", metavar="ID", help="Which; else the default profile's.")
@yes_option
@dry_run_option
def disconnect(*, provider_id: str | None, is_yes: bool) -> None:
    """Forget a store: its webhook and key are removed at BTCPay, its invoices stay here."""
    with open_shop() as ports:
        chosen = find_chosen(ProviderKind.BTCPAY, NOUN, provider_id, store=ports.store)
        if chosen is None:
            why = none_chosen(ProviderKind.BTCPAY, NOUN, store=ports.store)
            emit(disconnected_view(Disconnected(account=None), if_nothing=why), [sentence(why)])
            return
        pending = count_pending(OPERATOR, ProviderKind.BTCPAY, chosen.id, store=ports.store)
        confirm(
            f"Disconnect {chosen.label}, where {pending} invoices are pending? Nothing can be sold through"
            " it then.",
            is_yes=is_yes,
        )
        gone = disconnect_btcpay(
            OPERATOR,
            chosen.id,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            btcpay=ports.btcpay,
        )
    lines = [f"Disconnected {chosen.label}."]
    if gone.pending_invoices:
        lines.append(f"{gone.pending_invoices} invoices are still pending there.")
    emit(disconnected_view(gone, if_nothing="it was disconnected meanwhile"), lines)
    for warning in gone.warnings:
        note(f"Warning: {warning}")


@btcpay.command()
def methods() -> None:
    """Ask the connected store how it is paid."""
    with open_shop() as ports:
        found = list_payment_methods(OPERATOR, store=ports.store, btcpay=ports.btcpay)
    view = PaymentMethodList(
        store_id=found.store_id, count=len(found.methods), methods=found.methods
    )
    rows = [(one.get("paymentMethodId"), one.get("enabled")) for one in found.methods]
    emit(view, listing(("method", "enabled"), rows, noun="payment methods"))


def _finish(ports: Ports, link: ConnectLink, key: Secret, reports_to: str) -> None:
    connected = finish_connect(
        OPERATOR,
        FinishConnect(token=link.token, api_key=key),
        public_url=reports_to,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        entropy=ports.entropy,
        btcpay=ports.btcpay,
    )
    emit(
        status_view(
            find_connection(OPERATOR, ProviderKind.BTCPAY, store=ports.store, clock=ports.clock)
        ),
        [f"Connected the store {connected.store.name} ({connected.network})."],
    )
    for warning in connected.warnings:
        note(f"Warning: {warning}")


def _key_from_stdin() -> Secret:
    if sys.stdin.isatty():
        text: str = click.prompt(
            "API key", hide_input=True, err=True, default="", show_default=False
        ).strip()
    else:
        text = sys.stdin.readline(KEY_CHARS_MAX).strip()
    if not text:
        raise InvariantError("api_key", "nothing came on standard input")
    return Secret(text)
