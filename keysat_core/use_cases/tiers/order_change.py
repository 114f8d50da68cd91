"""Start a change of tier that is paid: by the buyer, or asked for by the operator."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.events import outbox_event
from keysat_core.domain.ids import EventId, InvoiceId, LicenseId, TierChangeId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.policy import Policy
from keysat_core.domain.rate import Quote, Rate, convert
from keysat_core.domain.sale_record import Settlement
from keysat_core.domain.self_license import SelfLicense, refuse_own_license
from keysat_core.domain.text import cut_text
from keysat_core.domain.tier_change import ChangeActor, Direction, TierChange
from keysat_core.domain.tier_comp import withdrawn
from keysat_core.domain.tier_order import (
    NewOrder,
    collecting_account,
    is_same_offer,
    ordered_change,
)
from keysat_core.domain.tier_quote import TierFacts, TierQuote, buyers_target, quote_change
from keysat_core.domain.tier_request import (
    ChangeRequest,
    UpgradeRequest,
    checked_return,
    checked_target,
)
from keysat_core.errors import (
    BadKeyFormat,
    BadKeySignature,
    Forbidden,
    NotFound,
    RateUnavailable,
    TierChangeRefused,
    Unauthorized,
)
from keysat_core.limits import REASON_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.payments import PaymentProviders
from keysat_core.ports.rates import Rates
from keysat_core.ports.store import Store, Transaction


class OrderedTier(msgspec.Struct, frozen=True, kw_only=True):
    """The change and its invoice. ``is_reused``: an earlier order that still stands (D38)."""

    change: TierChange
    quote: TierQuote
    invoice: Invoice
    is_reused: bool = False


_Look: TypeAlias = Callable[[Transaction], tuple[TierFacts, Policy]]


def order_upgrade(
    actor: Actor,
    request: UpgradeRequest,
    *,
    public_url: str,
    store: Store,
    clock: Clock,
    ids: Ids,
    keys: KeyRing,
    rates: Rates,
    providers: PaymentProviders,
) -> OrderedTier:
    """Open the invoice of a buyer's upgrade; the license changes when it is settled.

    Source: public-api 12.2. Asking the provider for the payment is ``request_payment``'s step.

    Raises:
        InvariantError: a field breaks a rule.
        Unauthorized: the key is none of ours, or its license is gone, suspended or revoked.
        NotFound: buyers see no such tier, or a recorded account is not there.
        TierChangeRefused: the message says why.
        Forbidden: it is a downgrade.
        RateUnavailable: a fiat charge cannot be converted now.
        NotConfigured: nobody can collect it.
        SigningKeyUnusable: there is no key to verify with.
    """
    slug = checked_target(request.target_slug, field="target_policy_slug")
    target_url = checked_return(request.redirect_url)
    try:
        payload = keys.payload_of(request.license_key)
    except (BadKeyFormat, BadKeySignature):
        raise Unauthorized from None

    def look(tx: Transaction) -> tuple[TierFacts, Policy]:
        license = tx.licenses.find_license(LicenseId(payload.license_id))
        if license is None or license.status is not LicenseStatus.ACTIVE:
            raise Unauthorized
        policy = tx.policies.find_policy_by_slug(license.product_id, slug)
        return tx.sales.get_tier_facts(license.id), buyers_target(policy, slug)

    invoice_id = InvoiceId(ids.new())
    new = NewOrder(
        change_id=TierChangeId(ids.new()),
        invoice_id=invoice_id,
        redirect_url=target_url or _thank_you(public_url, invoice_id),
        asker=ChangeActor.BUYER,
    )
    return _order(
        actor, look, new, store=store, clock=clock, ids=ids, rates=rates, providers=providers
    )


def order_change(
    actor: Actor,
    request: ChangeRequest,
    *,
    public_url: str,
    store: Store,
    clock: Clock,
    ids: Ids,
    rates: Rates,
    providers: PaymentProviders,
    self_license: SelfLicense,
) -> OrderedTier:
    """Open the invoice of a change that an operator has a buyer pay; ranks do not matter.

    Raises:
        Forbidden: only the master key may (decisions 8).
        InvariantError: a field breaks a rule.
        NotFound: no such license or tier, or a recorded account is not there.
        TierChangeRefused: the message says why.
        RateUnavailable: a fiat charge cannot be converted now.
        NotConfigured: nobody can collect it.
    """
    authorize(actor, Scope.MASTER)
    slug = checked_target(request.target_slug, field="to_policy_slug")
    refuse_own_license(self_license, request.license_id)

    def look(tx: Transaction) -> tuple[TierFacts, Policy]:
        facts = tx.sales.get_tier_facts(request.license_id)
        policy = tx.policies.find_policy_by_slug(facts.product.id, slug)
        if policy is None:
            raise NotFound("policy", slug)
        return facts, policy

    invoice_id = InvoiceId(ids.new())
    new = NewOrder(
        change_id=TierChangeId(ids.new()),
        invoice_id=invoice_id,
        redirect_url=_thank_you(public_url, invoice_id),
        asker=ChangeActor.ADMIN,
        reason=cut_text(request.reason, REASON_CHARS_MAX, field="reason"),
    )
    return _order(
        actor, look, new, store=store, clock=clock, ids=ids, rates=rates, providers=providers
    )


def _order(
    actor: Actor,
    look: _Look,
    new: NewOrder,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    rates: Rates,
    providers: PaymentProviders,
) -> OrderedTier:
    """Quote, ask for a rate outside any transaction, and quote again where it is written down."""
    now = clock.now()
    with store.reading() as tx:
        facts, target = look(tx)
        quote = _payable(facts, target, new.asker, now)
        standing = _standing(tx, facts, quote)
    if standing is not None:
        return standing
    rate = _rate_for(quote.charge, rates)
    with store.writing() as tx:
        facts, target = look(tx)
        quote = _payable(facts, target, new.asker, now)
        standing = _standing(tx, facts, quote)
        if standing is not None:
            return standing
        price = _price(quote.charge, rate)
        account = collecting_account(facts, providers.kinds())
        sale = ordered_change(facts, quote, new, price=price, account=account, actor=actor, now=now)
        other = tx.tier_changes.find_open_change(facts.license.id, target.id)
        if other is not None:
            sale = msgspec.structs.replace(sale, withdrawn_change=withdrawn(other, now))
        _save(tx, sale, ids, now)
    assert sale.tier_change is not None  # noqa: S101
    return OrderedTier(change=sale.tier_change, quote=quote, invoice=sale.invoice)


def _payable(facts: TierFacts, target: Policy, asker: ChangeActor, now: Instant) -> TierQuote:
    quote = quote_change(facts, target, asker, now)
    if asker is ChangeActor.BUYER and quote.direction is Direction.DOWNGRADE:
        raise Forbidden
    if quote.charge.amount <= 0:
        raise TierChangeRefused(
            "nothing_to_pay", "the change costs nothing now; ask the seller to make it"
        )
    return quote


def _standing(tx: Transaction, facts: TierFacts, quote: TierQuote) -> OrderedTier | None:
    """An earlier order for the same that can still be paid at today's price."""
    change = tx.tier_changes.find_open_change(facts.license.id, quote.target.id)
    if change is None or change.invoice_id is None:
        return None
    invoice = tx.invoices.get_invoice(change.invoice_id)
    if not is_same_offer(change, invoice, quote):
        return None
    return OrderedTier(change=change, quote=quote, invoice=invoice, is_reused=True)


def _rate_for(charge: Money, rates: Rates) -> Rate | None:
    return None if charge.currency is Currency.SAT else rates.rate(charge.currency)


def _price(charge: Money, rate: Rate | None) -> Quote:
    if charge.currency is not Currency.SAT and (
        rate is None or rate.currency is not charge.currency
    ):
        # The currency was changed while the rate was asked for: the next try asks for the right one.
        raise RateUnavailable(charge.currency)
    return convert(charge, rate)


def _thank_you(public_url: str, invoice_id: InvoiceId) -> str:
    return f"{public_url}/thank-you?invoice_id={invoice_id}"


def _save(tx: Transaction, sale: Settlement, ids: Ids, now: Instant) -> None:
    tx.sales.put_settlement(sale)
    for audit in sale.audits:
        tx.trail.append_audit(audit)
    for event in sale.events:
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
