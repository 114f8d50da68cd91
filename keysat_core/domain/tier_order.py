"""A change of tier that somebody has to pay: who collects it, and its invoice (lifecycles 9.2)."""

from collections.abc import Collection
from typing import Final

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import AuditEntry, audited
from keysat_core.domain.events import InvoiceOpened
from keysat_core.domain.ids import InvoiceId, TierChangeId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.merchant import ProviderAccount, ProviderKind, accounts_for_rail
from keysat_core.domain.rate import Quote
from keysat_core.domain.sale_record import Settlement
from keysat_core.domain.tier_change import ChangeActor, TierChange
from keysat_core.domain.tier_quote import TierFacts, TierQuote
from keysat_core.errors import NoProvider, NotConfigured

IDENTITY: Final = "identity"
"""Source of the rate of a charge listed in sats, which needs none."""

ADMIN_NOTE: Final = "admin tier-change"
"""Note on the invoice of a change an operator asked for (admin-api 2.6)."""

NO_PROVIDER: Final = "the seller has no payment provider connected; a change of tier needs one"


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Ids and addresses of an order. ``redirect_url``: where the buyer goes after paying."""

    change_id: TierChangeId
    invoice_id: InvoiceId
    redirect_url: str
    asker: ChangeActor
    reason: str | None = None


def collecting_account(facts: TierFacts, kinds: Collection[ProviderKind]) -> ProviderAccount:
    """Choose who collects: who did before, else who would collect a purchase today.

    ``kinds`` are those this server has adapters for. An account that was disconnected since collects
    no more; then whoever sells the product chooses (admin-api B-12).

    Raises:
        NotConfigured: nobody can.
    """
    recorded = facts.recorded
    if recorded is not None and recorded.is_connected:
        return recorded
    usable = [account for account in facts.accounts if account.kind in kinds]
    rail = facts.original.rail if facts.original is not None else None
    try:
        return accounts_for_rail(usable, rail, facts.preferences)[0]
    except NoProvider:
        if rail is None:
            raise NotConfigured(NO_PROVIDER) from None
    try:
        return accounts_for_rail(usable, None, facts.preferences)[0]
    except NoProvider:
        raise NotConfigured(NO_PROVIDER) from None


def is_same_offer(open_change: TierChange, invoice: Invoice, quote: TierQuote) -> bool:
    """An earlier order still stands: its invoice can be paid, and today's quote is the same (D38)."""
    return (
        invoice.status is InvoiceStatus.PENDING
        and open_change.from_policy_id == quote.source.id
        and open_change.charge == quote.charge
    )


def ordered_change(
    facts: TierFacts,
    quote: TierQuote,
    new: NewOrder,
    *,
    price: Quote,
    account: ProviderAccount,
    actor: Actor,
    now: Instant,
) -> Settlement:
    """Write down the order: a pending invoice, and the change that waits for it."""
    invoice = _invoice(facts, quote, new, price=price, account=account, now=now)
    change = TierChange(
        id=new.change_id,
        license_id=facts.license.id,
        from_policy_id=quote.source.id,
        to_policy_id=quote.target.id,
        direction=quote.direction,
        charge=quote.charge,
        invoice_id=invoice.id,
        effective_at=now,
        actor=new.asker,
        reason=new.reason,
        created_at=now,
    )
    event = InvoiceOpened(
        invoice_id=invoice.id, product_id=invoice.product_id, amount_sats=invoice.amount_sats
    )
    return Settlement(
        invoice=invoice,
        tier_change=change,
        events=(event,),
        audits=(_order_entry(change, invoice, quote, actor, now),),
    )


def _invoice(
    facts: TierFacts,
    quote: TierQuote,
    new: NewOrder,
    *,
    price: Quote,
    account: ProviderAccount,
    now: Instant,
) -> Invoice:
    original = facts.original
    is_same_till = original is not None and original.provider_account_id == account.id
    return Invoice(
        id=new.invoice_id,
        product_id=facts.product.id,
        policy_id=quote.target.id,
        amount_sats=price.amount_sats,
        base_price_sats=price.amount_sats,
        listed_currency=quote.charge.currency,
        listed_value=quote.charge.amount,
        exchange_rate_centibps=price.rate.centibps if price.rate else None,
        exchange_rate_source=price.rate.source if price.rate else IDENTITY,
        buyer_email=facts.license.buyer_email,
        buyer_note=ADMIN_NOTE if new.asker is ChangeActor.ADMIN else None,
        rail=original.rail if original is not None and is_same_till else None,
        redirect_url=new.redirect_url,
        provider_account_id=account.id,
        created_at=now,
        updated_at=now,
    )


def _order_entry(
    change: TierChange, invoice: Invoice, quote: TierQuote, actor: Actor, now: Instant
) -> AuditEntry:
    """Describe the order in the audit log (admin-api 6)."""
    is_buyers = change.actor is ChangeActor.BUYER
    action = "subscription.upgrade.started" if is_buyers else "license.change_tier.invoice_created"
    return audited(
        actor,
        action,
        now,
        target=("tier_change", change.id),
        license_id=change.license_id,
        from_policy_id=change.from_policy_id,
        to_policy_id=change.to_policy_id,
        to_policy_slug=quote.target.slug,
        direction=change.direction,
        reason=change.reason,
        invoice_id=invoice.id,
        amount_sats=invoice.amount_sats,
        listed_currency=change.charge.currency,
        proration_charge_value=change.charge.amount,
        skip_payment=False,
    )
