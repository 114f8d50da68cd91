"""Give a license for a code that costs nothing."""

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.buyer import BuyerRequest, checked_request
from keysat_core.domain.code import Code
from keysat_core.domain.eligibility import checked_code, checked_free_code
from keysat_core.domain.events import outbox_event
from keysat_core.domain.ids import (
    EventId,
    InvoiceId,
    MerchantProfileId,
    RedemptionId,
)
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License, key_of
from keysat_core.domain.opening import Offer, Opening, open_free
from keysat_core.domain.pricing import Pricing
from keysat_core.domain.product import Product
from keysat_core.domain.rate import Quote
from keysat_core.domain.redemption import Redemption
from keysat_core.domain.sale_record import Settlement, new_ids
from keysat_core.domain.tier import default_tier, refuse_unavailable
from keysat_core.errors import InvariantError, NotFound, ProductInactive, ServerFault
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store, Transaction

NOTHING = Pricing(quote=Quote(amount_sats=0), discount_sats=0, final_sats=0, final_value=0)
"""What a redemption records: no rate is asked for what is given away (public-api 7)."""


class RedeemedCode(msgspec.Struct, frozen=True, kw_only=True):
    """The license and its key, and the use of the code it was given for."""

    license: License
    key: str
    invoice_id: InvoiceId
    redemption: Redemption


def redeem_code(
    actor: Actor,
    request: BuyerRequest,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    keys: KeyRing,
) -> RedeemedCode:
    """Issue a license for a free-license code; each call takes one use of it.

    Source: public-api 7, order of checks as there; the tier the code is checked against is the one
    that is given, named or not (D18). One transaction: nothing is left behind on failure.

    Raises:
        InvariantError: a field breaks a rule, or there is no code.
        NotFound: no such product or policy.
        PurchaseRefused: any leaf; a code of another kind says that it requires payment.
    """
    request = checked_request(request)
    now = clock.now()
    with store.writing() as tx:
        product = _product(tx, request)
        if request.code is None:
            raise InvariantError("code", "must not be blank")
        code = checked_free_code(tx.codes.find_code_by_text(request.code), now)
        offer = _offer(tx, product, code, request, now)
        opening = Opening(
            request=request,
            offer=offer,
            pricing=NOTHING,
            code=code,
            invoice_id=InvoiceId(ids.new()),
            redemption_id=RedemptionId(ids.new()),
        )
        profile_id = _profile_id(tx, product)
        sale = open_free(opening, profile_id, new_ids(ids.new), actor, now)
        _save(tx, sale, ids, now)
        # Inside: without a key to sign with, nothing is given and no use is taken.
        return _answer(sale, keys)


def _answer(sale: Settlement, keys: KeyRing) -> RedeemedCode:
    if sale.license is None or sale.code_use is None:
        raise ServerFault("a redemption without its license")
    return RedeemedCode(
        license=sale.license,
        key=key_of(sale.license, keys.signing_key()),
        invoice_id=sale.invoice.id,
        redemption=sale.code_use.redemption,
    )


def _product(tx: Transaction, request: BuyerRequest) -> Product:
    product = tx.products.find_product_by_slug(request.product_slug)
    if product is None:
        raise NotFound("product", request.product_slug)
    if not product.active:
        raise ProductInactive(product.slug)
    return product


def _offer(
    tx: Transaction, product: Product, code: Code, request: BuyerRequest, now: Instant
) -> Offer:
    """Find the tier that is given, after the product the code is for was looked at."""
    if code.product_id not in {None, product.id}:
        checked_code(code, product, None, now)
    if request.policy_slug is None:
        policy = default_tier(product, tx.policies.list_policies(product.id))
    else:
        policy = tx.policies.find_policy_by_slug(product.id, request.policy_slug)
        if policy is None:
            raise NotFound("policy", request.policy_slug)
        refuse_unavailable(policy)
    checked_code(code, product, policy, now)
    return Offer(product=product, policy=policy)


def _profile_id(tx: Transaction, product: Product) -> MerchantProfileId | None:
    if product.merchant_profile_id is not None:
        return product.merchant_profile_id
    default = tx.merchants.find_default_profile()
    return default.id if default else None


def _save(tx: Transaction, sale: Settlement, ids: Ids, now: Instant) -> None:
    tx.sales.put_settlement(sale)
    for audit in sale.audits:
        tx.trail.append_audit(audit)
    for event in sale.events:
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
