"""Have a tip's invoice written, verify it, and record that it is about to be paid."""

import msgspec

from keysat_core.domain.connecting import BitcoinNetwork
from keysat_core.domain.ids import EventId, TipId
from keysat_core.domain.instant import Instant
from keysat_core.domain.lightning import fault_of_invoice, fault_of_offer, read_address
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.domain.setting import TIPS_DAILY_CAP_SATS
from keysat_core.domain.tip import Begin, Fail, Skip, TipAttempt, TipStatus, advance
from keysat_core.domain.tip_record import tip_entry, tip_event
from keysat_core.domain.tip_terms import (
    CAP_SECONDS,
    payer_of,
    read_cap,
    refusal_by_cap,
    refusal_of_payer,
)
from keysat_core.errors import InvariantError, ProviderNotLoaded, RecipientFailed
from keysat_core.ports.clock import Clock
from keysat_core.ports.connecting import BTCPayServer
from keysat_core.ports.ids import Ids
from keysat_core.ports.lightning import LightningAddresses
from keysat_core.ports.store import Store, Transaction


class BegunTip(msgspec.Struct, frozen=True, kw_only=True):
    """The tip as it is now; None when it was deleted.

    Only who is given a ``payer`` may pay it, once, through that account.
    """

    tip: TipAttempt | None
    payer: ProviderAccount | None = None


def begin_tip(
    tip_id: TipId,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    lightning: LightningAddresses,
    btcpay: BTCPayServer | None,
) -> BegunTip:
    """Bring a reserved tip to where it is to be paid, and let one caller pay it.

    The recipient is asked outside any transaction. The hash of the payment is then recorded in the
    one transaction that lets a single caller through; whoever dies after it has perhaps paid, so a
    tip is never begun again. Paying is ``send_tip``'s step. Whatever is amiss ends the tip: there is
    no retry (payments 13).

    Raises:
        StoreBusy, StoreUnavailable: nothing was begun; it may be tried again.
    """
    with store.reading() as tx:
        tip = tx.tips.find_tip(tip_id)
        if tip is None or tip.status is not TipStatus.PENDING:
            return BegunTip(tip=tip)
        account = _payer(tx, tip)
        over = _over_cap(tx, tip, clock.now())
    event: Begin | Fail | Skip | None = refusal_of_payer(account) or over
    if event is None and account is not None:
        event = _prepared(tip, _network(account, btcpay), clock=clock, lightning=lightning)
    now = clock.now()
    with store.writing() as tx:
        fresh = tx.tips.find_tip(tip_id)
        if fresh is None or event is None or fresh.status is not TipStatus.PENDING:
            return BegunTip(tip=fresh)
        # Other tips may have been begun meanwhile.
        event = (_over_cap(tx, fresh, now) if isinstance(event, Begin) else None) or event
        tip = advance(fresh, event, now=now)
        tx.tips.put_tip(tip)
        tx.trail.append_audit(tip_entry(tip, now))
        tx.trail.append_event(tip_event(tip, EventId(ids.new()), now))
    return BegunTip(tip=tip, payer=account if tip.status is TipStatus.PAYING else None)


def _payer(tx: Transaction, tip: TipAttempt) -> ProviderAccount | None:
    """The account that settled the invoice, or none if it cannot be known any more."""
    invoice = tx.invoices.find_invoice(tip.invoice_id) if tip.invoice_id else None
    if invoice is None or invoice.provider_account_id is None:
        return None
    account = tx.merchants.find_account(invoice.provider_account_id)
    connected = tx.merchants.list_all_accounts(is_disconnected_included=False)
    return payer_of(account, connected) if account else None


def _over_cap(tx: Transaction, tip: TipAttempt, now: Instant) -> Skip | None:
    cap = read_cap(tx.settings.find_setting(TIPS_DAILY_CAP_SATS))
    return refusal_by_cap(tip, tx.tips.spent_sats(Instant(now - CAP_SECONDS)), cap)


def _network(account: ProviderAccount, btcpay: BTCPayServer | None) -> BitcoinNetwork:
    """The chain the store is on; what cannot be told counts as mainnet."""
    if btcpay is None or account.store_id is None:
        return BitcoinNetwork.UNDETERMINED
    try:
        return btcpay.stores_of(account).network(account.store_id)
    except ProviderNotLoaded:
        return BitcoinNetwork.UNDETERMINED


def _prepared(
    tip: TipAttempt, network: BitcoinNetwork, *, clock: Clock, lightning: LightningAddresses
) -> Begin | Fail:
    """Ask the recipient for an invoice and verify it before anything is paid (payments 13)."""
    try:
        offer = lightning.resolve(read_address(tip.recipient))
        fault = fault_of_offer(offer, tip.amount_msat)
        if fault is not None:
            return Fail(reason=f"{tip.recipient} {fault}")
        invoice = lightning.request_invoice(offer, tip.amount_msat)
    except RecipientFailed as exc:
        return Fail(reason=exc.reason)
    except InvariantError as exc:
        return Fail(reason=exc.problem)
    fault = fault_of_invoice(
        invoice, offer, amount_msat=tip.amount_msat, network=network, now=clock.now()
    )
    if fault is not None:
        return Fail(reason=fault)
    return Begin(bolt11=invoice.bolt11, payment_hash=invoice.payment_hash)
