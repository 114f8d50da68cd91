"""What a settled purchase brings into being: a license, and what hangs on it (lifecycles 7.5, 8.2)."""

import msgspec

from keysat_core.domain.actor import SYSTEM, Actor
from keysat_core.domain.audit import AuditEntry, audited
from keysat_core.domain.code import CodeDuration, CodeKind, discount
from keysat_core.domain.events import (
    SOURCE_PURCHASE,
    DomainEvent,
    code_redeemed,
    license_issued,
)
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License, with_terms
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.policy import Policy, terms_of_sale
from keysat_core.domain.redemption import CodeUse, Redeem, RedemptionStatus, advance
from keysat_core.domain.renewal import first_look_at
from keysat_core.domain.sale_record import SaleFacts, Settlement
from keysat_core.domain.saved_payment import wanted_of_sale
from keysat_core.domain.subscription import Cycle, Subscription
from keysat_core.domain.tier import list_price
from keysat_core.domain.tip import TipStatus
from keysat_core.domain.tip_record import tip_changed, tip_entry
from keysat_core.domain.tip_terms import tip_of_sale


def issue(facts: SaleFacts, settled: Invoice, actor: Actor, now: Instant) -> Settlement:
    """Issue the license of a purchase, with its subscription, its tip and the use of its code."""
    license = _license_for(settled, facts, now)
    subscription = cycle = None
    if facts.policy is not None and facts.policy.is_recurring:
        subscription = _subscription(facts, facts.policy, settled, license, now)
        license = msgspec.structs.replace(license, grace_seconds=subscription.grace_seconds)
        cycle = _first_cycle(facts, subscription, settled, now)
    tip = tip_of_sale(facts.new.tip_id, license, settled, facts.policy, now)
    events: list[DomainEvent] = [license_issued(license, SOURCE_PURCHASE)]
    audits: list[AuditEntry] = [
        audited(
            actor,
            "license.issue",
            now,
            target=("license", license.id),
            product_id=license.product_id,
            policy_id=license.policy_id,
            invoice_id=settled.id,
        )
    ]
    use = facts.code_use
    if use is not None:
        is_reopened = use.redemption.status is RedemptionStatus.CANCELLED
        use = advance(use, Redeem(license_id=license.id), now=now)
        events.append(code_redeemed(use, license))
        audits.append(_redeemed(use, license, now, is_reopened=is_reopened))
    if tip is not None and tip.status is not TipStatus.PENDING:
        # One that waits to be paid is told when something becomes of it.
        events.append(tip_changed(tip))
        audits.append(tip_entry(tip, now))
    return Settlement(
        invoice=settled,
        license=license,
        tip=tip,
        saved_payment=wanted_of_sale(settled, facts.policy, facts.provider_kind, now),
        code_use=use,
        subscription=subscription,
        cycles=() if cycle is None else (cycle,),
        events=tuple(events),
        audits=tuple(audits),
    )


def _license_for(invoice: Invoice, facts: SaleFacts, now: Instant) -> License:
    bare = License(
        id=facts.new.license_id,
        product_id=invoice.product_id,
        policy_id=invoice.policy_id,
        invoice_id=invoice.id,
        issued_at=now,
        buyer_email=invoice.buyer_email,
        metadata={"source": "purchase", "btcpay_invoice_id": invoice.provider_invoice_id},
    )
    return with_terms(bare, terms_of_sale(facts.policy), now)


def _subscription(
    facts: SaleFacts, policy: Policy, invoice: Invoice, license: License, now: Instant
) -> Subscription:
    """Begin a subscription. Who sells and who collects is kept for life (lifecycles 8.2)."""
    days = policy.trial_days if policy.has_free_trial else policy.renewal_period_days
    begun = Subscription(
        id=facts.new.subscription_id,
        license_id=license.id,
        product_id=license.product_id,
        policy_id=policy.id,
        period_days=policy.renewal_period_days,
        grace_period_days=policy.grace_period_days,
        license_grace_seconds=policy.grace_seconds,
        listed=_price_of_cycles(_listed_at_sale(facts, policy, invoice), facts.code_use),
        started_at=now,
        next_renewal_at=Instant(now + days * DAY_SECONDS),
        merchant_profile_id=facts.merchant_profile_id,
        account_id=invoice.provider_account_id,
        updated_at=now,
    )
    return msgspec.structs.replace(begun, next_action_at=first_look_at(begun))


def _listed_at_sale(facts: SaleFacts, policy: Policy, invoice: Invoice) -> Money:
    """What was listed when the sale was opened, whatever is listed now (lifecycles 8.2).

    What costs nothing is settled in the instant in which it is opened.
    """
    if invoice.is_free:
        return list_price(facts.product, policy)
    if invoice.listed_currency is None or invoice.listed_value is None:
        return Money(currency=Currency.SAT, amount=invoice.base_price_sats)
    return Money(currency=invoice.listed_currency, amount=invoice.listed_value)


def _price_of_cycles(price: Money, use: CodeUse | None) -> Money:
    """What later cycles cost: the listed price, unless a code counts for ever (decisions 7, D3, D43).

    A code in another currency than the price's counts for the first cycle only: what it takes off
    was converted at that day's rate.
    """
    if use is None or use.code.duration is CodeDuration.ONCE or not _is_same_unit(use, price):
        return price
    off = discount(use.code.kind, use.code.amount, price.amount)
    return msgspec.structs.replace(price, amount=price.amount - off)


def _is_same_unit(use: CodeUse, price: Money) -> bool:
    """Whether a code's amount can be taken off a price without a rate."""
    is_relative = use.code.kind in {CodeKind.PERCENT, CodeKind.FREE_LICENSE}
    return is_relative or use.code.currency is price.currency


def _first_cycle(
    facts: SaleFacts, subscription: Subscription, invoice: Invoice, now: Instant
) -> Cycle:
    return Cycle(
        id=facts.new.cycle_id,
        subscription_id=subscription.id,
        number=1,
        invoice_id=invoice.id,
        start_at=now,
        end_at=subscription.next_renewal_at,
        settled_at=now,
        created_at=now,
    )


def _redeemed(use: CodeUse, license: License, now: Instant, *, is_reopened: bool) -> AuditEntry:
    return audited(
        SYSTEM,
        "code.redeemed",
        now,
        target=("redemption", use.redemption.id),
        code_id=use.code.id,
        code=use.code.code,
        license_id=license.id,
        invoice_id=use.redemption.invoice_id,
        discount_applied_sats=use.redemption.discount_applied_sats,
        reopened=is_reopened,
    )
