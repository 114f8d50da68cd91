"""Make the invoice of a cycle, inside a transaction; its provider is asked afterwards."""

import msgspec

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.audit import audited
from keysat_core.domain.billing import BillingFacts, being_asked
from keysat_core.domain.events import InvoiceOpened
from keysat_core.domain.ids import CycleId, InvoiceId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.merchant import (
    ProviderAccount,
    ProviderKind,
    accounts_for_rail,
    asked_through,
)
from keysat_core.domain.money import Currency
from keysat_core.domain.rate import Rate, convert
from keysat_core.domain.subscription import Cycle, Subscription
from keysat_core.errors import NoProvider, RateUnavailable
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Transaction
from keysat_core.use_cases.subscriptions.renewals.billing_facts import can_collect, tell


def open_cycle(
    tx: Transaction,
    facts: BillingFacts,
    rate: Rate | None,
    *,
    public_url: str,
    ids: Ids,
    kinds: frozenset[ProviderKind],
    now: Instant,
) -> Invoice:
    """Store the next cycle with its invoice; it begins where what is paid ends (D45).

    A price in sats is exact, another is converted at the rate of this moment (lifecycles 8.3).

    Raises:
        NoProvider: nobody can collect it.
        RateUnavailable: the price has changed its currency since the rate was asked for.
    """
    subscription, price = facts.subscription, facts.next_price
    if price.currency is not Currency.SAT and (rate is None or rate.currency is not price.currency):
        raise RateUnavailable(price.currency)
    collector = _collector(tx, subscription, kinds)
    quote = convert(price, rate)
    invoice_id = InvoiceId(ids.new())
    profile = tx.merchants.find_profile(collector.merchant_profile_id)
    template = profile.post_purchase_redirect_url if profile is not None else None
    invoice = Invoice(
        id=invoice_id,
        product_id=subscription.product_id,
        policy_id=facts.next_policy.id,
        amount_sats=max(1, quote.amount_sats),
        base_price_sats=max(1, quote.amount_sats),
        listed_currency=quote.listed.currency if quote.listed else None,
        listed_value=quote.listed.amount if quote.listed else None,
        exchange_rate_centibps=quote.rate.centibps if quote.rate else None,
        exchange_rate_source=quote.rate.source if quote.rate else None,
        buyer_email=facts.license.buyer_email,
        redirect_url=return_address(template, public_url, invoice_id),
        provider_account_id=collector.id,
        created_at=now,
        updated_at=now,
    )
    start = subscription.next_renewal_at
    if now - start > subscription.period_seconds:
        start = now
    cycle = Cycle(
        id=CycleId(ids.new()),
        subscription_id=subscription.id,
        number=facts.next_number,
        invoice_id=invoice_id,
        start_at=start,
        end_at=Instant(start + subscription.period_seconds),
        created_at=now,
    )
    asked = msgspec.structs.replace(
        being_asked(subscription, now),
        account_id=collector.id,
        last_renewal_attempt_at=now,
        updated_at=now,
    )
    tx.invoices.put_invoice(invoice)
    tx.subscriptions.put_cycle(cycle)
    tx.subscriptions.put_subscription(asked)
    _record(tx, invoice, cycle, ids, now)
    return invoice


def resume_cycle(tx: Transaction, facts: BillingFacts, now: Instant) -> InvoiceId | None:
    """Go on with a cycle whose invoice is stored: after a crash, or a provider that failed."""
    tx.subscriptions.put_subscription(being_asked(facts.subscription, now))
    return facts.newest_invoice.id if facts.newest_invoice is not None else None


def return_address(template: str | None, public_url: str, invoice_id: InvoiceId) -> str:
    """Where the buyer goes after paying: the seller's template, else our page (payments 4.1)."""
    if template:
        return template.replace("{invoice_id}", invoice_id)
    return f"{public_url}/thank-you?invoice_id={invoice_id}"


def _collector(
    tx: Transaction, subscription: Subscription, kinds: frozenset[ProviderKind]
) -> ProviderAccount:
    """The account that collected before; if it is gone, one of the profile it belonged to (B-12).

    Raises:
        NoProvider: none is connected.
    """
    own_id = subscription.account_id
    own = tx.merchants.find_account(own_id) if own_id else None
    if own is not None and can_collect(own, kinds):
        return own
    default = tx.merchants.find_default_profile()
    profile_id = subscription.merchant_profile_id or (default.id if default else None)
    if profile_id is None:
        raise NoProvider
    usable = [one for one in tx.merchants.list_accounts(profile_id) if can_collect(one, kinds)]
    same = [one for one in usable if own is not None and asked_through(own, one)]
    preferences = tx.merchants.list_preferences(profile_id)
    return (same or accounts_for_rail(usable, None, preferences))[0]


def _record(tx: Transaction, invoice: Invoice, cycle: Cycle, ids: Ids, now: Instant) -> None:
    tx.trail.append_audit(
        audited(
            SYSTEM,
            "invoice.open",
            now,
            target=("invoice", invoice.id),
            product_id=invoice.product_id,
            policy_id=invoice.policy_id,
            amount_sats=invoice.amount_sats,
            subscription_id=cycle.subscription_id,
            cycle_number=cycle.number,
        )
    )
    opened = InvoiceOpened(
        invoice_id=invoice.id, product_id=invoice.product_id, amount_sats=invoice.amount_sats
    )
    tell(tx, opened, ids, now)
