"""Charge a saved payment method for an invoice, once and never again."""

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.events import InvoiceCharged, outbox_event
from keysat_core.domain.ids import EventId, InvoiceId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.merchant import ProviderAccount, asked_through
from keysat_core.domain.saved_payment import (
    Charge,
    ChargeEvent,
    ChargeState,
    Confirm,
    Decline,
    Lose,
    Refuse,
    SavedProfile,
    advance_charge,
)
from keysat_core.errors import InvariantError, NotFound, ProviderRefused, ProviderUnavailable
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.saved_payments import SavedPaymentAccounts, SavedPayments
from keysat_core.ports.store import Store, Transaction


class ChargeInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """Charge ``invoice_id`` to the method that was saved with ``saved_invoice_id``."""

    invoice_id: InvoiceId
    saved_invoice_id: InvoiceId


class ChargedInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """The one charge of the invoice. ``is_new``: this call made it."""

    charge: Charge
    is_new: bool


_ACTIONS = {
    ChargeState.CHARGED: "subscription.auto_charge_initiated",
    ChargeState.NOT_CHARGED: "subscription.auto_charge_declined",
    ChargeState.FAILED: "subscription.auto_charge_failed",
    ChargeState.UNKNOWN: "subscription.auto_charge_failed",
}
"""How the outcome is written in the audit log (payments 7.6)."""


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    invoice: Invoice
    provider_invoice_id: str
    account: ProviderAccount
    profile: SavedProfile


def charge_invoice(
    actor: Actor,
    command: ChargeInvoice,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    saved_payments: SavedPaymentAccounts,
) -> ChargedInvoice:
    """Make the charge and say how it went; nothing follows from it but a look at the invoice.

    Who may ask is the caller's business. The provider is asked first: what the buyer has paid or is
    paying meanwhile is not charged as well. A charge is reserved in a transaction of its own before the
    provider is called; whatever happens then, there is never a second one for the invoice: asking
    again gives the first. That it went well is no proof of payment: call ``settle_invoice`` next,
    which asks the provider. Source: payments 7.6.

    Raises:
        NotFound: no such invoice, or no method was saved with the other one.
        InvariantError: the invoice cannot be paid, by our record or its provider's word, or the
            method cannot pay it; nothing was charged.
        ProviderNotLoaded: the account was disconnected.
        ProviderRefused, ProviderUnavailable: the method or the invoice could not be read; nothing
            was charged.
    """
    with store.reading() as tx:
        made = tx.saved_payments.find_charge(command.invoice_id)
        plan = _plan(tx, command, clock.now()) if made is None else None
    if made is not None or plan is None:
        return _again(command.invoice_id, store=store, clock=clock, ids=ids, actor=actor)
    keeper = saved_payments.saved_payments_of(plan.account)
    _refuse_unless_theirs(keeper, plan, clock.now())
    # As late as can be: our own record may not know yet what the buyer did meanwhile.
    _refuse_unless_unpaid(keeper, plan)
    if not _reserve(actor, command, plan, store=store, clock=clock):
        return _again(command.invoice_id, store=store, clock=clock, ids=ids, actor=actor)
    event, raw_status, detail = _ask(keeper, plan)
    charge = _record(
        actor,
        command.invoice_id,
        event,
        raw_status=raw_status,
        detail=detail,
        store=store,
        clock=clock,
        ids=ids,
    )
    return ChargedInvoice(charge=charge, is_new=True)


def _plan(tx: Transaction, command: ChargeInvoice, now: Instant) -> _Plan:
    invoice = tx.invoices.get_invoice(command.invoice_id)
    if invoice.status is not InvoiceStatus.PENDING or invoice.provider_invoice_id is None:
        raise InvariantError("invoice_id", f"this invoice is {invoice.status} and cannot be paid")
    saved = tx.saved_payments.find_saved(command.saved_invoice_id)
    if saved is None or saved.profile is None:
        raise NotFound("saved payment method", command.saved_invoice_id)
    account_id = invoice.provider_account_id
    account = tx.merchants.find_account(account_id) if account_id else None
    keeper = tx.merchants.find_account(saved.account_id)
    if account is None or keeper is None or not _is_same(keeper, account):
        raise InvariantError("saved_invoice_id", "the method is kept at another provider account")
    source = tx.invoices.get_invoice(command.saved_invoice_id)
    _refuse_unless_same_buyer(source, invoice)
    _refuse_expired(saved.profile, now)
    return _Plan(
        invoice=invoice,
        provider_invoice_id=invoice.provider_invoice_id,
        account=account,
        profile=saved.profile,
    )


def _is_same(keeper: ProviderAccount, account: ProviderAccount) -> bool:
    """The same account, or one that was connected to the same place after it."""
    return keeper.id == account.id or asked_through(keeper, account)


def _refuse_unless_same_buyer(source: Invoice, invoice: Invoice) -> None:
    """A method pays for whoever saved it, and for what it was saved with.

    An e-mail that is missing makes nobody the same: an anonymous invoice may be anybody's.
    """
    if source.product_id != invoice.product_id:
        raise InvariantError(
            "saved_invoice_id",
            "the method was saved with another product; name one that was saved with this one, or"
            " let the buyer pay at the checkout",
        )
    if source.buyer_email is None or invoice.buyer_email is None:
        which = "the saved invoice" if source.buyer_email is None else "the invoice"
        raise InvariantError(
            "saved_invoice_id",
            f"{which} has no e-mail, so nothing says that both are of the same buyer; open an"
            " invoice with the e-mail the method was saved with, or let the buyer pay at the"
            " checkout",
        )
    # Not folded further: two addresses that fold to one may be of two domains.
    if source.buyer_email.lower() != invoice.buyer_email.lower():
        raise InvariantError(
            "saved_invoice_id",
            "the method belongs to another buyer; name one that was saved with the same e-mail, or"
            " let the buyer pay at the checkout",
        )


def _refuse_expired(profile: SavedProfile, now: Instant) -> None:
    if profile.is_expired(now):
        raise InvariantError("saved_invoice_id", "the saved method has expired")


def _refuse_unless_theirs(keeper: SavedPayments, plan: _Plan, now: Instant) -> None:
    """See that the contact it was saved for still has the method, and that it is still good."""
    current = keeper.read_saved_payment(plan.profile)
    if current is None:
        raise InvariantError(
            "saved_invoice_id", "its contact at the provider does not have this method any more"
        )
    _refuse_expired(current, now)


def _refuse_unless_unpaid(keeper: SavedPayments, plan: _Plan) -> None:
    if not keeper.is_unpaid(plan.provider_invoice_id):
        raise InvariantError(
            "invoice_id", "its provider says that this invoice is paid, being paid or over"
        )


def _reserve(
    actor: Actor, command: ChargeInvoice, plan: _Plan, *, store: Store, clock: Clock
) -> bool:
    """Decide that the charge is made now; False when another call decided so before."""
    now = clock.now()
    with store.writing() as tx:
        if tx.saved_payments.find_charge(command.invoice_id) is not None:
            return False
        current = _plan(tx, command, now)
        tx.saved_payments.put_charge(
            Charge(
                invoice_id=command.invoice_id,
                saved_invoice_id=command.saved_invoice_id,
                profile_id=current.profile.profile_id,
                created_at=now,
                updated_at=now,
            )
        )
        tx.trail.append_audit(
            audited(
                actor,
                "invoice.charge_reserved",
                now,
                target=("invoice", command.invoice_id),
                saved_invoice_id=command.saved_invoice_id,
                amount_sats=plan.invoice.amount_sats,
            )
        )
    return True


def _ask(keeper: SavedPayments, plan: _Plan) -> tuple[ChargeEvent, str, str]:
    """Call the provider and give what its answer means, the status it said, and its words."""
    try:
        report = keeper.charge(plan.provider_invoice_id, plan.profile.profile_id)
    except ProviderRefused as exc:
        return Refuse(), "", str(exc)
    except ProviderUnavailable as exc:
        return Lose(), "", str(exc)
    event: ChargeEvent = Confirm() if report.is_paid else Decline()
    return event, report.raw_status, ""


def _again(
    invoice_id: InvoiceId, *, store: Store, clock: Clock, ids: Ids, actor: Actor
) -> ChargedInvoice:
    """Give the charge that was made before; one whose answer never came is noted as unknown."""
    with store.reading() as tx:
        charge = tx.saved_payments.find_charge(invoice_id)
    if charge is None:
        raise NotFound("charge of invoice", invoice_id)
    if charge.is_lost(clock.now()):
        charge = _record(
            actor,
            invoice_id,
            Lose(),
            raw_status="",
            detail="the answer was never recorded",
            store=store,
            clock=clock,
            ids=ids,
        )
    return ChargedInvoice(charge=charge, is_new=False)


def _record(
    actor: Actor,
    invoice_id: InvoiceId,
    event: ChargeEvent,
    *,
    raw_status: str,
    detail: str,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> Charge:
    now = clock.now()
    with store.writing() as tx:
        charge = tx.saved_payments.find_charge(invoice_id)
        if charge is None:
            # A forced delete of the product took the invoice and its charge with it.
            raise NotFound("charge of invoice", invoice_id)
        if isinstance(event, Lose) and charge.state is not ChargeState.RESERVED:
            return charge
        noted = advance_charge(charge, event, now, raw_status=raw_status, detail=detail)
        tx.saved_payments.put_charge(noted)
        tx.trail.append_audit(
            audited(
                actor,
                _ACTIONS[noted.state],
                now,
                target=("invoice", invoice_id),
                state=noted.state,
                provider_status=raw_status,
                detail=detail,
            )
        )
        told = InvoiceCharged(invoice_id=invoice_id, state=noted.state)
        tx.trail.append_event(outbox_event(told, event_id=EventId(ids.new()), now=now))
    return noted
