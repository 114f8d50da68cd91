"""Write down how asking for a cycle went, and tell whoever listens. Once for each invoice."""

import msgspec

from keysat_core.domain.billing import BillingFacts, being_asked, when_told
from keysat_core.domain.events import (
    DomainEvent,
    auto_charge_failed,
    auto_charge_initiated,
    renewal_pending,
)
from keysat_core.domain.ids import InvoiceId, SubscriptionId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.saved_payment import Charge, ChargeState
from keysat_core.domain.subscription import LIVE, Cycle, Subscription
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store
from keysat_core.use_cases.subscriptions.renewals.billing_facts import facts_of, tell
from keysat_core.use_cases.subscriptions.renewals.renew_subscription import put_failure

FIRST_RENEWAL = 2
"""The number of the first cycle that is paid as one (lifecycles 8.3)."""


class ToldRenewal(msgspec.Struct, frozen=True, kw_only=True):
    """``is_told``: the buyer's program knows now; ``is_charged``: a saved method paid it, it seems."""

    is_told: bool
    is_charged: bool = False


def tell_renewal(
    invoice_id: InvoiceId,
    *,
    charge_problem: str | None = None,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> ToldRenewal:
    """Tell that an invoice waits for its buyer, or that a saved method was charged for it.

    ``charge_problem``: why a saved method was not even charged. A charge that is under way, or was
    when somebody crashed, is waited for. Source: payments 7.6.

    Raises:
        StoreBusy, StoreUnavailable, CorruptRow.
    """
    now = clock.now()
    with store.writing() as tx:
        cycle = tx.subscriptions.find_cycle_of(invoice_id)
        if cycle is None or cycle.told_at is not None:
            return ToldRenewal(is_told=False)
        subscription = tx.subscriptions.get_subscription(cycle.subscription_id)
        invoice = tx.invoices.get_invoice(invoice_id)
        charge = tx.saved_payments.find_charge(invoice_id)
        if charge is not None and charge.state is ChargeState.RESERVED:
            tx.subscriptions.put_subscription(being_asked(subscription, now))
            return ToldRenewal(is_told=False)
        events = _events(subscription, invoice, cycle, charge, charge_problem)
        tx.subscriptions.put_cycle(msgspec.structs.replace(cycle, told_at=now))
        if subscription.status in LIVE and cycle.is_open:
            tx.subscriptions.put_subscription(_asked(subscription, now))
        for event in events:
            tell(tx, event, ids, now)
    is_charged = charge is not None and charge.state is ChargeState.CHARGED
    return ToldRenewal(is_told=True, is_charged=is_charged)


def _asked(subscription: Subscription, now: Instant) -> Subscription:
    told = when_told(subscription, now)
    return msgspec.structs.replace(told, consecutive_failures=0, updated_at=now)


def _events(
    subscription: Subscription,
    invoice: Invoice,
    cycle: Cycle,
    charge: Charge | None,
    charge_problem: str | None,
) -> list[DomainEvent]:
    if charge is not None and charge.state is ChargeState.CHARGED:
        return [auto_charge_initiated(subscription, invoice, cycle)]
    events: list[DomainEvent] = []
    if charge is not None and charge.state in {ChargeState.FAILED, ChargeState.UNKNOWN}:
        events.append(auto_charge_failed(subscription, invoice, _reason(charge)))
    elif charge is None and charge_problem is not None:
        events.append(auto_charge_failed(subscription, invoice, charge_problem))
    if invoice.status is not InvoiceStatus.PENDING or not cycle.is_open:
        # It was paid or ended before anybody could be told to pay it.
        return events
    is_first = cycle.number == FIRST_RENEWAL
    events.append(renewal_pending(subscription, invoice, cycle, is_first_paid_cycle=is_first))
    return events


def _reason(charge: Charge) -> str:
    if charge.state is ChargeState.UNKNOWN:
        return "whether it was charged is unknown; the invoice tells"
    return charge.detail or "the provider refused the charge"


def note_renewal_failure(
    subscription_id: SubscriptionId,
    invoice_id: InvoiceId,
    reason: str,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> None:
    """Note that the provider would not, or could not say whether it does, collect a cycle (D51).

    One that ended or was paid meanwhile is left alone.

    Raises:
        NotFound: no such subscription.
        StoreBusy, StoreUnavailable, CorruptRow.
    """
    now = clock.now()
    with store.writing() as tx:
        subscription = tx.subscriptions.get_subscription(subscription_id)
        if subscription.status not in LIVE:
            return
        facts: BillingFacts = facts_of(tx, subscription, is_charging=False)
        newest = facts.newest
        if newest is None or newest.invoice_id != invoice_id:
            return
        put_failure(tx, facts, reason, ids, now)
