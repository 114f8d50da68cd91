"""How a sale begins: its invoice, the use of a code, and what is delivered at once (lifecycles 7.2-7.3)."""

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.code import Code
from keysat_core.domain.events import InvoiceOpened
from keysat_core.domain.ids import (
    InvoiceId,
    MerchantProfileId,
    ProviderAccountId,
    RedemptionId,
)
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import FREE_PREFIX, Invoice
from keysat_core.domain.money import Money
from keysat_core.domain.payment import find_rail
from keysat_core.domain.policy import Policy
from keysat_core.domain.pricing import Pricing
from keysat_core.domain.product import Product
from keysat_core.domain.redemption import CodeUse, Redemption
from keysat_core.domain.sale import fulfil
from keysat_core.domain.sale_record import NewIds, SaleFacts, Settlement
from keysat_core.domain.tier import list_price


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What is sold. ``policy`` None: the product has no tier on sale."""

    product: Product
    policy: Policy | None

    @property
    def price(self) -> Money:
        """The listed price."""
        return list_price(self.product, self.policy)

    @property
    def takes_codes(self) -> bool:
        """A free trial and what costs nothing need none (lifecycles 6.3, 6.5; D14)."""
        is_trial = self.policy is not None and self.policy.has_free_trial
        return self.price.amount > 0 and not is_trial


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A sale that begins, before it is known who collects."""

    request: BuyerRequest
    offer: Offer
    pricing: Pricing
    code: Code | None
    invoice_id: InvoiceId
    redemption_id: RedemptionId

    @property
    def is_free(self) -> bool:
        """Nothing is to be paid: a trial, a price of 0, or a code that leaves nothing."""
        policy = self.offer.policy
        is_trial = policy is not None and policy.has_free_trial
        return is_trial or self.pricing.final_sats == 0


def open_free(
    opening: Opening,
    profile_id: MerchantProfileId | None,
    new: NewIds,
    actor: Actor,
    now: Instant,
) -> Settlement:
    """Settle a sale that costs nothing, with its license and the use of its code.

    Source: lifecycles 7.1 and 7.3, decisions 2 and 3: it has no provider and no list price.

    Raises:
        CodeRefused: the code has no use left.
    """
    invoice = msgspec.structs.replace(
        _invoice(opening, now),
        amount_sats=0,
        provider_invoice_id=FREE_PREFIX + opening.invoice_id,
        listed_currency=None,
        listed_value=None,
        exchange_rate_centibps=None,
        exchange_rate_source=None,
    )
    facts = SaleFacts(
        invoice=invoice,
        product=opening.offer.product,
        policy=opening.offer.policy,
        issued=None,
        new=new,
        merchant_profile_id=profile_id,
        code_use=_reserved(opening, now),
    )
    return fulfil(facts, actor, now, by=None)


def open_for_payment(
    opening: Opening,
    account_id: ProviderAccountId,
    redirect_url: str,
    actor: Actor,
    now: Instant,
) -> Settlement:
    """Open an invoice to be paid; it holds the use of its code from now on (D42).

    Raises:
        CodeRefused: the code has no use left.
    """
    invoice = msgspec.structs.replace(
        _invoice(opening, now), provider_account_id=account_id, redirect_url=redirect_url
    )
    use = _reserved(opening, now)
    audit = audited(
        actor,
        "invoice.open",
        now,
        target=("invoice", invoice.id),
        product_id=invoice.product_id,
        policy_id=invoice.policy_id,
        amount_sats=invoice.amount_sats,
        code=use.code.code if use else None,
    )
    event = InvoiceOpened(
        invoice_id=invoice.id, product_id=invoice.product_id, amount_sats=invoice.amount_sats
    )
    return Settlement(invoice=invoice, code_use=use, events=(event,), audits=(audit,))


def _invoice(opening: Opening, now: Instant) -> Invoice:
    request, offer, quote = opening.request, opening.offer, opening.pricing.quote
    return Invoice(
        id=opening.invoice_id,
        product_id=offer.product.id,
        policy_id=offer.policy.id if offer.policy else None,
        amount_sats=opening.pricing.final_sats,
        base_price_sats=quote.amount_sats,
        listed_currency=quote.listed.currency if quote.listed else None,
        listed_value=quote.listed.amount if quote.listed else None,
        exchange_rate_centibps=quote.rate.centibps if quote.rate else None,
        exchange_rate_source=quote.rate.source if quote.rate else None,
        buyer_email=request.buyer_email,
        buyer_note=request.buyer_note,
        rail=find_rail(request.rail),
        created_at=now,
        updated_at=now,
    )


def _reserved(opening: Opening, now: Instant) -> CodeUse | None:
    """Take one use of the code, which the invoice holds until it ends unpaid."""
    if opening.code is None:
        return None
    code = opening.code.reserve(now)
    redemption = Redemption(
        id=opening.redemption_id,
        code_id=code.id,
        invoice_id=opening.invoice_id,
        discount_applied_sats=opening.pricing.discount_sats,
        base_price_sats=opening.pricing.base_sats,
        final_price_sats=opening.pricing.final_sats,
        created_at=now,
        updated_at=now,
    )
    return CodeUse(redemption=redemption, code=msgspec.structs.replace(code, updated_at=now))
