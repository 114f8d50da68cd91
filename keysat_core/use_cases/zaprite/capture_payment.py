"""Look for the payment method that a recurring purchase left at its provider."""

import msgspec

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.audit import audited
from keysat_core.domain.events import PaymentSaved, outbox_event
from keysat_core.domain.ids import EventId, InvoiceId
from keysat_core.domain.instant import Instant
from keysat_core.domain.saved_payment import (
    CaptureState,
    SavedPayment,
    SavedProfile,
    after_find,
    after_no_answer,
    given_up,
)
from keysat_core.errors import ProviderNotLoaded, ProviderRefused, UpstreamError
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.saved_payments import SavedPaymentAccounts
from keysat_core.ports.store import Store, Transaction


class _Found(msgspec.Struct, frozen=True):
    """An answer; ``profile`` None: nothing is saved there, or not yet."""

    profile: SavedProfile | None


def list_wanted_payments(*, limit: int, store: Store, clock: Clock) -> list[InvoiceId]:
    """Give the invoices whose saved payment method is to be looked for by now."""
    now = clock.now()
    with store.reading() as tx:
        return [saved.invoice_id for saved in tx.saved_payments.list_wanted(now, limit)]


def capture_payment(
    invoice_id: InvoiceId,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    saved_payments: SavedPaymentAccounts,
) -> SavedPayment | None:
    """Ask the provider and note its answer; None when it is wanted no more.

    Doing it again is harmless. The provider is asked outside any transaction. Source: payments 7.6.
    """
    with store.reading() as tx:
        saved = _wanted(tx, invoice_id)
        invoice = tx.invoices.find_invoice(invoice_id)
        account = tx.merchants.find_account(saved.account_id) if saved else None
    if saved is None or invoice is None:
        return None
    answer: _Found | None = None
    is_over = account is None or invoice.provider_invoice_id is None
    if account is not None and invoice.provider_invoice_id is not None:
        try:
            keeper = saved_payments.saved_payments_of(account)
            found = keeper.find_saved_payment(invoice.provider_invoice_id, invoice_id)
            answer = _Found(found)
        except ProviderNotLoaded:
            is_over = True
        except ProviderRefused as exc:
            # It knows no such order or contact; any other refusal may be mended, a new key for one.
            answer = _Found(None) if exc.problem == "not_found" else None
        except UpstreamError:
            answer = None
    now = clock.now()
    with store.writing() as tx:
        current = _wanted(tx, invoice_id)
        if current is None:
            return None
        noted = _noted(current, answer, now, is_over=is_over)
        tx.saved_payments.put_saved(noted)
        if noted.state is CaptureState.SAVED:
            target = ("invoice", invoice_id)
            tx.trail.append_audit(audited(SYSTEM, "invoice.payment_saved", now, target=target))
            event = PaymentSaved(invoice_id=invoice_id)
            tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return noted


def _wanted(tx: Transaction, invoice_id: InvoiceId) -> SavedPayment | None:
    saved = tx.saved_payments.find_saved(invoice_id)
    return saved if saved is not None and saved.state is CaptureState.WANTED else None


def _noted(
    saved: SavedPayment, answer: _Found | None, now: Instant, *, is_over: bool
) -> SavedPayment:
    if is_over:
        return given_up(saved, now)
    if answer is None:
        return after_no_answer(saved, now)
    return after_find(saved, answer.profile, now)
