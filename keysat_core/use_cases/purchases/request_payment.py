"""Ask the provider to collect an opened purchase, and record its answer."""

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.ending import end
from keysat_core.domain.events import outbox_event
from keysat_core.domain.ids import (
    EventId,
    InvoiceId,
    ProviderAccountId,
)
from keysat_core.domain.instant import Instant, rfc3339
from keysat_core.domain.invoice import Invalidate, Invoice, InvoiceStatus, advance
from keysat_core.domain.merchant import LISTED_PRICE_KINDS, ProviderAccount
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import InvoiceOrder, ProviderInvoice
from keysat_core.domain.provider_health import (
    ProviderHealth,
    after_answer,
    after_failure,
    is_worth_noting,
)
from keysat_core.domain.receipt import ReceiptOutcome
from keysat_core.domain.sale import recorded_at_provider
from keysat_core.domain.sale_record import new_ids
from keysat_core.domain.subscription import Cycle
from keysat_core.errors import (
    ProviderNotLoaded,
    ProviderUnavailable,
    RequestInFlight,
    UpstreamError,
)
from keysat_core.limits import PURCHASE_DEADLINE_SECONDS, RENEWAL_PAYABLE_SECONDS
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.payments import PaymentProviders
from keysat_core.ports.store import Store, Transaction

CREATE_REFUSED = "create_refused"
"""``provider_status_raw`` of an invoice its provider would not create."""


def request_payment(
    actor: Actor,
    invoice_id: InvoiceId,
    *,
    is_first_try: bool,
    store: Store,
    clock: Clock,
    ids: Ids,
    providers: PaymentProviders,
) -> Invoice:
    """Give the invoice with its checkout link; asking again gives the same one.

    An invoice that has ended is given as it is, because nobody would look at a payment of it.

    Three steps joined by the stored row: read, ask outside any transaction, record. When it is not
    the first try, the provider is asked for our id before anything is created (payments 14.3).
    After a refusal to create it the invoice is ``invalid`` and its idempotency key free; while it
    is unknown whether an earlier try created it, it stays ``pending`` and the reconciler finishes it.

    Raises:
        NotFound: no such invoice.
        RequestInFlight: the first try may still be at work; asking beside it could create two.
        ProviderRefused, ProviderNotLoaded: this call created nothing.
        ProviderUnavailable: whether it was created is unknown.
    """
    with store.reading() as tx:
        invoice = tx.invoices.get_invoice(invoice_id)
        account = _account(tx, invoice)
        policy = tx.policies.find_policy(invoice.policy_id) if invoice.policy_id else None
        is_recurring = policy is not None and policy.is_recurring
        cycle = tx.subscriptions.find_cycle_of(invoice_id)
    is_asked_already = invoice.provider_invoice_id is not None
    if is_asked_already or account is None or invoice.status is not InvoiceStatus.PENDING:
        return invoice
    may_exist = not is_first_try
    if may_exist and abs(clock.now() - invoice.created_at) < PURCHASE_DEADLINE_SECONDS:
        raise RequestInFlight
    try:
        provider = providers.provider_for(account)
        created = provider.find_by_external_id(invoice_id) if may_exist else None
        may_exist = created is not None
        if created is None:
            order = _order(invoice, is_recurring=is_recurring)
            if cycle is not None:
                order = _order_of_cycle(order, invoice, cycle, account)
            created = provider.create_invoice(order)
    except (UpstreamError, ProviderNotLoaded) as exc:
        is_refused = not isinstance(exc, ProviderUnavailable) and not may_exist
        _note_failure(actor, invoice, exc, is_refused=is_refused, store=store, clock=clock, ids=ids)
        raise
    return record_provider_invoice(actor, invoice_id, created, store=store, clock=clock, ids=ids)


def record_provider_invoice(
    actor: Actor,
    invoice_id: InvoiceId,
    created: ProviderInvoice,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> Invoice:
    """Store the provider's id and link; webhooks that came before are handed on to the worker.

    Raises:
        NotFound: no such invoice.
    """
    now = clock.now()
    with store.writing() as tx:
        invoice = tx.invoices.get_invoice(invoice_id)
        if invoice.provider_invoice_id is not None or invoice.provider_account_id is None:
            return invoice
        recorded = msgspec.structs.replace(
            invoice,
            provider_invoice_id=created.provider_invoice_id,
            checkout_url=created.checkout_url,
            updated_at=now,
        )
        tx.invoices.put_invoice(recorded)
        audit, event = recorded_at_provider(recorded, actor, now)
        tx.trail.append_audit(audit)
        _note_answer(tx, invoice.provider_account_id, now)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
        early = tx.receipts.list_unmatched(invoice.provider_account_id, created.provider_invoice_id)
        for receipt in early:
            tx.receipts.put_receipt(
                msgspec.structs.replace(
                    receipt, invoice_id=invoice.id, outcome=ReceiptOutcome.NOTED
                )
            )
    return recorded


def _account(tx: Transaction, invoice: Invoice) -> ProviderAccount | None:
    if invoice.provider_account_id is None:
        return None
    return tx.merchants.find_account(invoice.provider_account_id)


def _order(invoice: Invoice, *, is_recurring: bool) -> InvoiceOrder:
    return InvoiceOrder(
        invoice_id=invoice.id,
        price=Money(currency=Currency.SAT, amount=invoice.amount_sats),
        redirect_url=invoice.redirect_url,
        metadata={"productId": invoice.product_id},
        rail=invoice.rail,
        buyer_email=invoice.buyer_email,
        saves_payment_method=is_recurring,
    )


def _order_of_cycle(
    order: InvoiceOrder, invoice: Invoice, cycle: Cycle, account: ProviderAccount
) -> InvoiceOrder:
    """A renewal waits longer, and where cards are charged it costs what is listed (D9).

    Source: payments 4.1 and 8, decisions 22.
    """
    is_listed = account.kind in LISTED_PRICE_KINDS
    return msgspec.structs.replace(
        order,
        price=invoice.listed if is_listed else order.price,
        metadata={
            **order.metadata,
            "subscriptionId": cycle.subscription_id,
            "cycleStartAt": rfc3339(cycle.start_at),
        },
        pays_within_seconds=RENEWAL_PAYABLE_SECONDS,
    )


def _note_answer(tx: Transaction, account_id: ProviderAccountId, now: Instant) -> None:
    before = tx.connections.find_health(account_id)
    known = before or ProviderHealth(account_id=account_id)
    after = after_answer(known, now, is_creation=True)
    if is_worth_noting(before, after):
        tx.connections.put_health(after)


def _note_failure(
    actor: Actor,
    invoice: Invoice,
    failure: UpstreamError | ProviderNotLoaded,
    *,
    is_refused: bool,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> None:
    """Remember how the provider failed; one that refused ends the invoice."""
    now = clock.now()
    with store.writing() as tx:
        account_id = invoice.provider_account_id
        if isinstance(failure, UpstreamError) and account_id is not None:
            before = tx.connections.find_health(account_id)
            known = before or ProviderHealth(account_id=account_id)
            after = after_failure(known, failure, now, is_creation=True)
            if after != known:
                tx.connections.put_health(after)
        if is_refused:
            _abandon(tx, actor, invoice.id, ids, now)


def _abandon(tx: Transaction, actor: Actor, invoice_id: InvoiceId, ids: Ids, now: Instant) -> None:
    invoice = tx.invoices.get_invoice(invoice_id)
    if invoice.status is not InvoiceStatus.PENDING or invoice.provider_invoice_id is not None:
        return
    ended = msgspec.structs.replace(
        advance(invoice, Invalidate(), now=now), provider_status_raw=CREATE_REFUSED
    )
    audit = audited(actor, "invoice.create_refused", now, target=("invoice", invoice_id))
    sale = end(tx.sales.get_facts(invoice_id, new_ids(ids.new)), ended, audit, actor, now)
    tx.sales.put_settlement(sale)
    tx.idempotency.remove_for_invoice(invoice_id)
    for entry in sale.audits:
        tx.trail.append_audit(entry)
    for event in sale.events:
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
