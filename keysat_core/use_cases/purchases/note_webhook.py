"""Take in a provider's webhook: verify it, keep it, say which invoice to look at."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.audit import audited
from keysat_core.domain.events import ProviderWebhookRecovered, outbox_event
from keysat_core.domain.ids import EventId, InvoiceId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.listing import DueInvoice
from keysat_core.domain.merchant import ProviderAccount, ProviderKind, asked_through
from keysat_core.domain.payment import ProviderStatus
from keysat_core.domain.receipt import (
    DueReceipt,
    ReceiptOutcome,
    WebhookReceipt,
    after_look,
    bounded_notice,
)
from keysat_core.domain.setting import webhook_base_of
from keysat_core.domain.webhook_trouble import is_ended_by
from keysat_core.domain.zaprite import webhook_url
from keysat_core.errors import NotFound
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.payments import PaymentProviders
from keysat_core.ports.store import Store, Transaction


class NoteWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as received: header names in lower case, the raw body."""

    account_id: ProviderAccountId
    kind: ProviderKind
    headers: Mapping[str, str]
    body: bytes


def note_webhook(
    command: NoteWebhook, *, store: Store, clock: Clock, ids: Ids, providers: PaymentProviders
) -> WebhookReceipt:
    """Store an authentic webhook. It proves nothing: ``settle_invoice`` asks the provider next.

    A webhook about an invoice we have no record of yet is kept as ``unmatched`` and handed on when
    the record is made (payments 11.2).

    Raises:
        NotFound: no account of this kind has the id.
        NotAuthentic: not signed by the provider, or unreadable.
        ProviderNotLoaded: this server may not use that provider.
    """
    with store.reading() as tx:
        account = tx.merchants.find_account(command.account_id)
    if account is None or account.kind is not command.kind or not account.is_connected:
        raise NotFound("payment provider", command.account_id)
    notice = bounded_notice(
        providers.provider_for(account).parse_webhook(command.headers, command.body)
    )
    now = clock.now()
    with store.writing() as tx:
        invoice = None
        if notice.provider_invoice_id is not None:
            invoice = _invoice_of(tx, account, notice.provider_invoice_id)
        outcome = ReceiptOutcome.NOTED if invoice else ReceiptOutcome.UNMATCHED
        if notice.provider_invoice_id is None:
            outcome = ReceiptOutcome.IGNORED
        receipt = WebhookReceipt(
            id=ids.new(),
            provider_account_id=account.id,
            type=notice.type,
            provider_invoice_id=notice.provider_invoice_id,
            invoice_id=invoice.id if invoice else None,
            delivery_id=notice.delivery_id,
            original_delivery_id=notice.original_delivery_id,
            claim=notice.claim,
            outcome=outcome,
            received_at=now,
        )
        tx.receipts.put_receipt(receipt)
    return receipt


class Nudge(msgspec.Struct, frozen=True, kw_only=True):
    """An unsigned webhook about an invoice of ours: a reason to look at it, from whomever.

    ``host``: the one it was sent to.
    """

    account_id: ProviderAccountId
    invoice_id: InvoiceId
    provider_invoice_id: str
    type: str
    host: str = ""


def find_nudged(
    command: NoteWebhook, *, store: Store, clock: Clock, providers: PaymentProviders
) -> Nudge | None:
    """Read an unsigned webhook; None when there is nothing to look at because of it.

    Anybody can send any number of them, so it writes nothing and asks nobody: an invoice we do not
    know is no reason to, and a provider that is left alone for now is the reconciler's business.

    Raises:
        NotFound, NotAuthentic, ProviderNotLoaded: as ``note_webhook``.
    """
    with store.reading() as tx:
        account = tx.merchants.find_account(command.account_id)
        if account is None or account.kind is not command.kind or not account.is_connected:
            raise NotFound("payment provider", command.account_id)
        notice = providers.provider_for(account).parse_webhook(command.headers, command.body)
        if notice.provider_invoice_id is None:
            return None
        invoice = _invoice_of(tx, account, notice.provider_invoice_id)
        health = tx.connections.find_health(account.id)
    if invoice is None or (health is not None and health.is_left_alone(clock.now())):
        return None
    return Nudge(
        account_id=account.id,
        invoice_id=invoice.id,
        provider_invoice_id=notice.provider_invoice_id,
        type=notice.type,
        host=command.headers.get("host", ""),
    )


def keep_nudge(
    nudge: Nudge, *, wait_seconds: int, store: Store, clock: Clock, ids: Ids
) -> WebhookReceipt:
    """Store that an invoice is to be looked at, now or in a while.

    There is one row for each invoice, however often it is nudged: a flood fills nothing. That it came
    to an address which the operator was told to enter ends that: nobody can look it up there.
    """
    now = clock.now()
    receipt = WebhookReceipt(
        id=f"nudge:{nudge.invoice_id}",
        provider_account_id=nudge.account_id,
        type=nudge.type,
        provider_invoice_id=nudge.provider_invoice_id,
        invoice_id=nudge.invoice_id,
        delivery_id=None,
        outcome=ReceiptOutcome.NOTED,
        next_look_at=Instant(now + wait_seconds) if wait_seconds else None,
        received_at=now,
    )
    with store.writing() as tx:
        # A forced delete of the product takes the invoice with it.
        if tx.invoices.find_invoice(nudge.invoice_id) is not None:
            tx.receipts.put_receipt(receipt)
            _end_trouble(tx, nudge, now, ids)
    return receipt


def _end_trouble(tx: Transaction, nudge: Nudge, now: Instant, ids: Ids) -> None:
    account = tx.merchants.find_account(nudge.account_id)
    trouble = tx.connections.find_trouble(nudge.account_id)
    if account is None or trouble is None:
        return
    former = tx.settings.find_setting(webhook_base_of(account.id))
    if not is_ended_by(trouble, nudge.host, former=former):
        return
    tx.connections.remove_trouble(account.id)
    base = str(trouble.detail).removesuffix(webhook_url("", account.id))
    tx.settings.put_setting(webhook_base_of(account.id), base, now)
    event = ProviderWebhookRecovered(provider_id=account.id, kind=account.kind)
    tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    target = ("payment_provider", account.id)
    tx.trail.append_audit(audited(SYSTEM, event.event_type, now, target=target, kind=account.kind))


def _invoice_of(
    tx: Transaction, account: ProviderAccount, provider_invoice_id: str
) -> Invoice | None:
    """Find the invoice an account speaks of.

    Its own; one of an account that was connected to the same store before; or one from an old
    database that names no account.
    """
    found = tx.invoices.find_invoice_at_provider(account.id, provider_invoice_id)
    if found is not None:
        return found
    for other in tx.merchants.list_all_accounts(is_disconnected_included=True):
        if not other.is_connected and asked_through(other, account):
            found = tx.invoices.find_invoice_at_provider(other.id, provider_invoice_id)
            if found is not None:
                return found
    return tx.invoices.find_unassigned_invoice(provider_invoice_id)


def follow_up_receipt(
    looked_at: WebhookReceipt, invoice: Invoice | None, *, store: Store, clock: Clock
) -> WebhookReceipt | None:
    """Say what follows from a look at a receipt's invoice; None when the receipt is gone.

    ``looked_at`` is the receipt as it was before the look: one that has changed since is left as it
    is, because a nudge that came meanwhile may tell what the look did not see yet. ``invoice`` is
    the invoice as the look left it; None when the provider gave no answer.
    """
    now = clock.now()
    with store.writing() as tx:
        # A forced delete of the product takes the receipt with it.
        receipt = tx.receipts.find_receipt(looked_at.id)
        if receipt != looked_at or receipt.outcome is not ReceiptOutcome.NOTED:
            return receipt
        is_claiming = receipt.claim is ProviderStatus.SETTLED
        is_cleared_up = invoice is not None and (
            not is_claiming or invoice.status is InvoiceStatus.SETTLED
        )
        followed = after_look(receipt, is_cleared_up=is_cleared_up, now=now)
        tx.receipts.put_receipt(followed)
    return followed


def list_noted_receipts(
    *,
    limit: int,
    store: Store,
    clock: Clock,
    busy: AbstractSet[ProviderAccountId] = frozenset(),
) -> list[DueReceipt]:
    """Give receipts whose invoice is to be looked at by now, longest due first.

    Those of ``busy`` accounts, and of accounts that are left alone for a while, are as due
    afterwards as they are now.
    """
    now = clock.now()
    with store.reading() as tx:
        resting = {one.account_id for one in tx.connections.list_health() if one.is_left_alone(now)}
        return tx.receipts.list_noted(now, limit, but_of=resting | busy)


def find_noted_receipt(receipt_id: str, *, store: Store) -> WebhookReceipt | None:
    """Give a receipt whose invoice is still to be looked at; None when there is no such any more.

    Raises:
        CorruptRow: its row is damaged.
    """
    with store.reading() as tx:
        receipt = tx.receipts.find_receipt(receipt_id)
    is_noted = receipt is not None and receipt.outcome is ReceiptOutcome.NOTED
    return receipt if is_noted else None


def list_due_invoices(*, limit: int, store: Store, clock: Clock) -> list[DueInvoice]:
    """Give the invoices the reconciler should ask about now."""
    now = clock.now()
    with store.reading() as tx:
        return tx.invoices.list_unresolved(now, limit)
