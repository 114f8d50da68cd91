"""Gather what decides about a subscription, inside a transaction; shared by what looks at one."""

from typing import Final

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.audit import audited
from keysat_core.domain.billing import BillingFacts
from keysat_core.domain.events import DomainEvent, license_tier_changed, outbox_event
from keysat_core.domain.ids import EventId, InvoiceId, SubscriptionId
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import ProviderAccount, ProviderKind, asked_through
from keysat_core.domain.sale_record import OrderedChange
from keysat_core.domain.saved_payment import SAVING_KINDS, SavedPayment
from keysat_core.domain.subscription import Cycle, Subscription
from keysat_core.domain.tier_effect import AppliedChange, Payer, change_tier
from keysat_core.limits import CYCLES_LOOKED_THROUGH
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Transaction

VIA_WORKER: Final = "renewal_worker"
"""``applied_via`` of a scheduled change of tier (lifecycles 9.5)."""

BY_SYSTEM: Final = "system"


def facts_of(tx: Transaction, subscription: Subscription, *, is_charging: bool) -> BillingFacts:
    """Gather a subscription's facts. ``is_charging``: saved methods can be charged here."""
    cycles = tx.subscriptions.list_cycles(subscription.id, CYCLES_LOOKED_THROUGH)
    last = tx.subscriptions.find_last_settled_cycle(subscription.id)
    newest = cycles[0] if cycles and (last is None or cycles[0].number > last.number) else None
    invoice_id = newest.invoice_id if newest is not None else None
    scheduled = tx.tier_changes.find_scheduled_change(subscription.license_id)
    return BillingFacts(
        subscription=subscription,
        license=tx.licenses.get_license(subscription.license_id),
        product=tx.products.get_product(subscription.product_id),
        policy=tx.policies.get_policy(subscription.policy_id),
        last_settled=last,
        newest=newest,
        newest_invoice=tx.invoices.find_invoice(invoice_id) if invoice_id else None,
        scheduled=scheduled,
        target=tx.policies.find_policy(scheduled.to_policy_id) if scheduled else None,
        saved_with=_saved_with(tx, subscription, cycles) if is_charging else None,
    )


def _saved_with(
    tx: Transaction, subscription: Subscription, cycles: list[Cycle]
) -> InvoiceId | None:
    """Find the newest paid cycle whose saved payment method can be charged for the next one.

    None when an earlier invoice of that cycle was charged: what became of it may never be known.
    """
    email = tx.licenses.get_license(subscription.license_id).buyer_email
    account_id = subscription.account_id
    account = tx.merchants.find_account(account_id) if account_id else None
    if email is None or account is None or not account.is_connected:
        return None
    if account.kind not in SAVING_KINDS or _was_charged(tx, cycles):
        return None
    for cycle in cycles:
        invoice_id = cycle.invoice_id if cycle.settled_at is not None else None
        saved = tx.saved_payments.find_saved(invoice_id) if invoice_id is not None else None
        if saved is not None and _is_good(tx, saved, account, subscription.next_renewal_at):
            return saved.invoice_id
    return None


def _was_charged(tx: Transaction, cycles: list[Cycle]) -> bool:
    return any(
        cycle.superseded_at is not None
        and cycle.number == cycles[0].number
        and cycle.invoice_id is not None
        and tx.saved_payments.find_charge(cycle.invoice_id) is not None
        for cycle in cycles
    )


def _is_good(
    tx: Transaction, saved: SavedPayment, account: ProviderAccount, due_at: Instant
) -> bool:
    if saved.profile is None or saved.profile.is_expired(due_at):
        return False
    keeper = tx.merchants.find_account(saved.account_id)
    return keeper is not None and (keeper.id == account.id or asked_through(keeper, account))


def apply_due_change(
    tx: Transaction, subscription_id: SubscriptionId, ids: Ids, now: Instant
) -> None:
    """Put a license on the tier that was scheduled for it, if its day has come (lifecycles 9.5).

    Only what waits is applied, so that no change of the past is ever done again (D5).
    """
    subscription = tx.subscriptions.get_subscription(subscription_id)
    change = tx.tier_changes.find_scheduled_change(subscription.license_id)
    if change is None or change.effective_at > now:
        return
    target = tx.policies.get_policy(change.to_policy_id)
    ordered = OrderedChange(
        change=change,
        license=tx.licenses.get_license(change.license_id),
        target=target,
        subscription=subscription,
        open_cycle=_cycle_of_old_tier(tx, subscription, change.to_policy_id),
    )
    payer = Payer(
        subscription_id=subscription.id,
        merchant_profile_id=subscription.merchant_profile_id,
        account_id=subscription.account_id,
    )
    applied = change_tier(ordered, tx.products.get_product(target.product_id), payer, now)
    _put_applied(tx, applied)
    audit = audited(
        SYSTEM,
        "subscription.upgrade.applied",
        now,
        target=("tier_change", change.id),
        license_id=change.license_id,
        from_policy_id=change.from_policy_id,
        to_policy_id=change.to_policy_id,
        applied_via=VIA_WORKER,
    )
    tx.trail.append_audit(audit)
    event = license_tier_changed(
        applied.change, applied.license, target.slug, actor=BY_SYSTEM, applied_via=VIA_WORKER
    )
    tell(tx, event, ids, now)


def _cycle_of_old_tier(
    tx: Transaction, subscription: Subscription, to_policy_id: str
) -> Cycle | None:
    """The open cycle, unless it was asked for at the coming tier's price already."""
    cycle = tx.subscriptions.find_open_cycle(subscription.id)
    if cycle is None or cycle.invoice_id is None:
        return cycle
    invoice = tx.invoices.get_invoice(cycle.invoice_id)
    return None if invoice.policy_id == to_policy_id else cycle


def _put_applied(tx: Transaction, applied: AppliedChange) -> None:
    tx.licenses.put_license(applied.license)
    tx.tier_changes.put_tier_change(applied.change)
    if applied.subscription is not None:
        tx.subscriptions.put_subscription(applied.subscription)
    if applied.cycle is not None:
        tx.subscriptions.put_cycle(applied.cycle)


def tell(tx: Transaction, event: DomainEvent, ids: Ids, now: Instant) -> None:
    """Put an event into the outbox."""
    tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))


def can_collect(account: ProviderAccount | None, kinds: frozenset[ProviderKind]) -> bool:
    """Whether an account is connected and served by this process."""
    return account is not None and account.is_connected and account.kind in kinds
