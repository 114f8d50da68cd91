"""Look at one subscription, and do the one thing that is due (lifecycles 8.3, 8.5-8.6)."""

import msgspec

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.audit import audited
from keysat_core.domain.billing import (
    BillingFacts,
    Step,
    failed,
    fallen_due,
    looked_at,
    needs_telling_of_skip,
    step_of,
)
from keysat_core.domain.events import renewal_failed, renewal_skipped
from keysat_core.domain.ids import CycleId, InvoiceId, SubscriptionId
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency
from keysat_core.domain.rate import Rate
from keysat_core.domain.renewal import extended, first_look_at, free_cycle
from keysat_core.domain.subscription import LIVE, Pay, advance
from keysat_core.domain.subscription_end import BY_ADMIN, LICENSE_REVOKED, Ended, cancel, lapse
from keysat_core.domain.tier import list_price
from keysat_core.errors import NoProvider, RateUnavailable
from keysat_core.limits import FREE_CYCLES_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.payments import PaymentProviders
from keysat_core.ports.rates import Rates
from keysat_core.ports.store import Store, Transaction
from keysat_core.use_cases.subscriptions.renewals.billing_facts import (
    apply_due_change,
    facts_of,
    tell,
)
from keysat_core.use_cases.subscriptions.renewals.open_cycle import open_cycle, resume_cycle


class LookedAt(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. With ``invoice_id`` its provider is to be asked to collect it now.

    ``is_new``: nobody asked before. ``saved_with``: the invoice whose saved payment method is then
    to be charged. ``problem``: why no invoice was made.
    """

    step: Step
    invoice_id: InvoiceId | None = None
    is_new: bool = False
    saved_with: InvoiceId | None = None
    problem: str | None = None


def list_due_subscriptions(*, limit: int, store: Store, clock: Clock) -> list[SubscriptionId]:
    """Give the subscriptions to look at by now, longest due first."""
    now = clock.now()
    with store.reading() as tx:
        return tx.subscriptions.list_due_subscriptions(now, limit)


def renew_subscription(
    subscription_id: SubscriptionId,
    *,
    public_url: str,
    is_charging: bool,
    store: Store,
    clock: Clock,
    ids: Ids,
    rates: Rates,
    providers: PaymentProviders,
) -> LookedAt:
    """Decide and write down, in one transaction, what follows for a subscription; doing it again is harmless.

    The rate of a price that is not in sats is asked for before, outside of it. The invoice of a
    cycle is stored before anybody is asked to collect it, so that a crash loses nothing (D45).

    Raises:
        NotFound: no such subscription.
        StoreBusy, StoreUnavailable, CorruptRow.
    """
    now = clock.now()
    with store.reading() as tx:
        subscription = tx.subscriptions.get_subscription(subscription_id)
        facts = facts_of(tx, subscription, is_charging=is_charging)
    rate = _rate_for(facts, now, rates)
    with store.writing() as tx:
        apply_due_change(tx, subscription_id, ids, now)
        subscription = tx.subscriptions.get_subscription(subscription_id)
        facts = facts_of(tx, subscription, is_charging=is_charging)
        step = step_of(facts, now)
        facts = fallen_due(facts, step, now)
        match step:
            case Step.BILL | Step.ASK:
                return _bill(
                    tx,
                    facts,
                    step,
                    rate,
                    public_url=public_url,
                    ids=ids,
                    providers=providers,
                    now=now,
                )
            case Step.CANCEL:
                _put_end(tx, _cancelled(facts, now), ids, now)
            case Step.LAPSE:
                _put_end(tx, lapse(facts.subscription, facts.license, now), ids, now)
            case Step.ADVANCE:
                _advance_free(tx, facts, ids, now)
            case Step.SKIP:
                _skip(tx, facts, ids, now)
            case Step.WAIT:
                tx.subscriptions.put_subscription(looked_at(facts, now))
            case Step.NOTHING:
                done = msgspec.structs.replace(facts.subscription, next_action_at=None)
                tx.subscriptions.put_subscription(done)
    return LookedAt(step=step)


def _rate_for(facts: BillingFacts, now: Instant, rates: Rates) -> Rate | RateUnavailable | None:
    """Ask for the rate of the next cycle's price, if one is to be asked for by now."""
    change = facts.scheduled
    if change is not None and change.effective_at <= now and facts.target is not None:
        currency = list_price(facts.product, facts.target).currency
    elif step_of(facts, now) is Step.BILL:
        currency = facts.next_price.currency
    else:
        return None
    if currency is Currency.SAT:
        return None
    try:
        return rates.rate(currency)
    except RateUnavailable as exc:
        return exc


def _bill(
    tx: Transaction,
    facts: BillingFacts,
    step: Step,
    rate: Rate | RateUnavailable | None,
    *,
    public_url: str,
    ids: Ids,
    providers: PaymentProviders,
    now: Instant,
) -> LookedAt:
    is_due = now >= facts.subscription.next_renewal_at
    saved_with = facts.saved_with if is_due else None
    if step is Step.ASK:
        invoice_id = resume_cycle(tx, facts, now)
        return LookedAt(step=step, invoice_id=invoice_id, saved_with=saved_with)
    try:
        if isinstance(rate, RateUnavailable):
            raise rate
        invoice = open_cycle(
            tx, facts, rate, public_url=public_url, ids=ids, kinds=providers.kinds(), now=now
        )
    except (RateUnavailable, NoProvider) as exc:
        put_failure(tx, facts, str(exc), ids, now)
        return LookedAt(step=step, problem=str(exc))
    return LookedAt(step=step, invoice_id=invoice.id, is_new=True, saved_with=saved_with)


def put_failure(tx: Transaction, facts: BillingFacts, reason: str, ids: Ids, now: Instant) -> None:
    """Count an attempt that made no invoice, and tell (D51)."""
    subscription = failed(facts.subscription, now)
    tx.subscriptions.put_subscription(subscription)
    tx.trail.append_audit(
        audited(
            SYSTEM,
            "subscription.renewal_failed",
            now,
            target=("subscription", subscription.id),
            license_id=subscription.license_id,
            reason=reason,
            consecutive_failures=subscription.consecutive_failures,
        )
    )
    again_at = subscription.next_action_at or now
    tell(tx, renewal_failed(subscription, reason, again_at), ids, now)


def _cancelled(facts: BillingFacts, now: Instant) -> Ended:
    return cancel(
        facts.subscription,
        facts.license,
        SYSTEM,
        now,
        by=BY_ADMIN,
        reason=facts.license.revocation_reason or LICENSE_REVOKED,
    )


def _put_end(tx: Transaction, ended: Ended, ids: Ids, now: Instant) -> None:
    tx.subscriptions.put_subscription(ended.subscription)
    tx.licenses.put_license(ended.license)
    tx.trail.append_audit(ended.audit)
    tell(tx, ended.event, ids, now)


def _skip(tx: Transaction, facts: BillingFacts, ids: Ids, now: Instant) -> None:
    """Say once for a due date that an archived tier is not renewed, and look again every day (D8)."""
    subscription = facts.subscription
    if needs_telling_of_skip(facts):
        subscription = msgspec.structs.replace(subscription, last_renewal_attempt_at=now)
        facts = msgspec.structs.replace(facts, subscription=subscription)
        tx.trail.append_audit(
            audited(
                SYSTEM,
                "subscription.renewal_skipped_archived",
                now,
                target=("subscription", subscription.id),
                license_id=subscription.license_id,
                policy_id=subscription.policy_id,
                policy_slug=facts.policy.slug,
            )
        )
        tell(tx, renewal_skipped(subscription, facts.policy.slug), ids, now)
    tx.subscriptions.put_subscription(looked_at(facts, now))


def _advance_free(tx: Transaction, facts: BillingFacts, ids: Ids, now: Instant) -> None:
    """Advance by cycles that cost nothing, until the next one is not to be looked at yet."""
    subscription, license, number = facts.subscription, facts.license, facts.next_number
    for _ in range(FREE_CYCLES_MAX):
        if subscription.status not in LIVE or first_look_at(subscription) > now:
            break
        cycle = free_cycle(
            subscription,
            cycle_id=CycleId(ids.new()),
            number=number,
            start=subscription.next_renewal_at,
            now=now,
        )
        subscription = advance(subscription, Pay(next_renewal_at=cycle.end_at), now=now)
        license = extended(license, facts.next_policy, subscription, cycle.end_at)
        tx.subscriptions.put_cycle(cycle)
        tx.trail.append_audit(
            audited(
                SYSTEM,
                "subscription.renew",
                now,
                target=("subscription", subscription.id),
                invoice_id=None,
                license_id=license.id,
                cycle_number=number,
            )
        )
        number += 1
    facts = msgspec.structs.replace(facts, subscription=subscription)
    tx.subscriptions.put_subscription(looked_at(facts, now))
    tx.licenses.put_license(license)
