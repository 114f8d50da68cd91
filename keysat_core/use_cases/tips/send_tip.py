"""Pay a tip that was begun, and record how that ended."""

from keysat_core.domain.ids import EventId, TipId
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.domain.payment import LightningPayment, LightningStatus
from keysat_core.domain.tip import TipAttempt, TipStatus
from keysat_core.domain.tip_outcome import after_answer, after_unknown_hash
from keysat_core.domain.tip_record import tip_entry, tip_event
from keysat_core.domain.tip_terms import payer_of
from keysat_core.errors import ProviderNotLoaded, ProviderRefused, ProviderUnavailable
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.payments import PaymentProviders
from keysat_core.ports.store import Store, Transaction


def send_tip(
    begun: TipAttempt,
    payer: ProviderAccount,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    providers: PaymentProviders,
) -> TipAttempt | None:
    """Pay a tip once, and give it as it is then; None when it was deleted meanwhile.

    Only for who ``begin_tip`` let through. An account that gives no answer may have paid, so it is
    asked later by ``follow_tip``, and never told to pay again.

    Raises:
        StoreBusy, StoreUnavailable: the outcome was not recorded; ``follow_tip`` finds it.
    """
    if begun.status is not TipStatus.PAYING or begun.bolt11 is None:
        return begun
    try:
        answer = providers.provider_for(payer).pay_bolt11(begun.bolt11)
    except (ProviderRefused, ProviderNotLoaded) as exc:
        answer = LightningPayment(status=LightningStatus.FAILED, detail=str(exc))
    except ProviderUnavailable as exc:
        answer = LightningPayment(status=LightningStatus.PENDING, detail=str(exc))
    now = clock.now()
    with store.writing() as tx:
        tip = tx.tips.find_tip(begun.id)
        return None if tip is None else _save(tx, tip, after_answer(tip, answer, now), now, ids)


def follow_tip(
    tip_id: TipId, *, store: Store, clock: Clock, ids: Ids, providers: PaymentProviders
) -> TipAttempt | None:
    """Ask what became of a tip that may have been paid; None when it was deleted.

    Raises:
        StoreBusy, StoreUnavailable.
    """
    with store.reading() as tx:
        seen = tx.tips.find_tip(tip_id)
        if seen is None or seen.status is not TipStatus.PAYING or seen.payment_hash is None:
            return seen
        account = _payer(tx, seen)
    answer: LightningPayment | ProviderRefused
    try:
        if account is None:
            answer = _unknown("the account that was paid is not connected any more")
        else:
            answer = providers.provider_for(account).lightning_payment(seen.payment_hash)
    except ProviderRefused as exc:
        answer = exc
    except (ProviderUnavailable, ProviderNotLoaded) as exc:
        answer = _unknown(str(exc))
    now = clock.now()
    with store.writing() as tx:
        tip = tx.tips.find_tip(tip_id)
        if tip is None or tip.status is not TipStatus.PAYING:
            return tip
        if isinstance(answer, ProviderRefused):
            return _save(tx, tip, after_unknown_hash(tip, answer, now), now, ids)
        return _save(tx, tip, after_answer(tip, answer, now), now, ids)


def _unknown(detail: str) -> LightningPayment:
    return LightningPayment(status=LightningStatus.PENDING, detail=detail)


def _payer(tx: Transaction, tip: TipAttempt) -> ProviderAccount | None:
    invoice = tx.invoices.find_invoice(tip.invoice_id) if tip.invoice_id else None
    if invoice is None or invoice.provider_account_id is None:
        return None
    account = tx.merchants.find_account(invoice.provider_account_id)
    connected = tx.merchants.list_all_accounts(is_disconnected_included=False)
    return payer_of(account, connected) if account else None


def _save(
    tx: Transaction, before: TipAttempt, after: TipAttempt, now: Instant, ids: Ids
) -> TipAttempt:
    tx.tips.put_tip(after)
    if after.status is not before.status:
        tx.trail.append_audit(tip_entry(after, now))
        tx.trail.append_event(tip_event(after, EventId(ids.new()), now))
    return after
