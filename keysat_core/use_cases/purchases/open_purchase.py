"""Start a sale: decide the price, remember it, and deliver at once what costs nothing."""

import hashlib

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.buyer import BuyerRequest, checked_request, redirect_target
from keysat_core.domain.code import Code
from keysat_core.domain.eligibility import checked_code, featured_code, problem_of
from keysat_core.domain.events import outbox_event
from keysat_core.domain.idempotency import IdempotencyRecord, replayed_invoice
from keysat_core.domain.ids import (
    EventId,
    InvoiceId,
    MerchantProfileId,
    ProviderAccountId,
    RedemptionId,
)
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License, key_of
from keysat_core.domain.merchant import ProviderAccount, ProviderKind, accounts_for_rail
from keysat_core.domain.money import Currency
from keysat_core.domain.opening import Offer, Opening, open_for_payment, open_free
from keysat_core.domain.payment import find_rail
from keysat_core.domain.pricing import currencies_of, priced
from keysat_core.domain.product import Product
from keysat_core.domain.rate import Rate
from keysat_core.domain.redemption import Redemption
from keysat_core.domain.sale_record import Settlement, new_ids
from keysat_core.domain.tier import default_tier, refuse_unavailable
from keysat_core.errors import NotFound, ProductInactive, RateUnavailable
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.payments import PaymentProviders
from keysat_core.ports.rates import Rates
from keysat_core.ports.store import Store, Transaction

OPERATION = "purchase"
"""The operation whose idempotency keys are kept here."""


class OpenedPurchase(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice, and the key if nothing is to be paid.

    ``redemption`` is the use of a code that the invoice holds. ``is_replayed``: an earlier request with the same Idempotency-Key opened it. ``passed_over``:
    accounts that could have collected as well, between which nobody chose (payments 4.1).
    """

    invoice: Invoice
    license: License | None = None
    key: str | None = None
    redemption: Redemption | None = None
    is_replayed: bool = False
    passed_over: tuple[ProviderAccountId, ...] = ()


class _Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is sold, and the code that counts for it."""

    offer: Offer
    code: Code | None


def open_purchase(
    actor: Actor,
    request: BuyerRequest,
    *,
    public_url: str,
    store: Store,
    clock: Clock,
    ids: Ids,
    keys: KeyRing,
    rates: Rates,
    providers: PaymentProviders,
) -> OpenedPurchase:
    """Open an invoice, ``pending`` or, when nothing is to be paid, settled with its license.

    Source: public-api 6.1, order of checks as there; decisions 2-4. A repeated request gets its
    first answer, whatever has changed since. Asking the provider for the payment is ``request_payment``'s step, outside this transaction (ARCHITECTURE, rule 2).

    Raises:
        InvariantError: a field breaks a rule.
        NotFound: no such product or policy.
        PurchaseRefused: any leaf; the message says why.
        RateUnavailable: a fiat price cannot be converted now.
        IdempotencyKeyReused: the key came with another request.
    """
    request = checked_request(request)
    now = clock.now()
    with store.reading() as tx:
        replayed = _replayed(tx, request, now)
        if replayed is not None:
            return _answer(tx, replayed, keys, is_replayed=True)
        terms = _terms(tx, request, now, is_checked=False)
    rates_now = _rates_for(request, terms, rates)
    with store.writing() as tx:
        replayed = _replayed(tx, request, now)
        if replayed is not None:
            return _answer(tx, replayed, keys, is_replayed=True)
        terms = _terms(tx, request, now)
        opening = _opening(request, terms, rates_now, ids)
        others: list[ProviderAccount] = []
        if opening.is_free:
            profile_id = _profile_id(tx, terms.offer.product)
            sale = open_free(opening, profile_id, new_ids(ids.new), actor, now)
        else:
            account, *others = _accounts(tx, terms.offer.product, request, kinds=providers.kinds())
            target = redirect_target(
                request,
                _template(tx, account),
                public_url=public_url,
                invoice_id=opening.invoice_id,
            )
            sale = open_for_payment(opening, account.id, target, actor, now)
        _save(tx, sale, ids, now)
        _remember(tx, request, opening.invoice_id, now)
        opened = _answer(tx, opening.invoice_id, keys, is_replayed=False)
    return msgspec.structs.replace(opened, passed_over=tuple(other.id for other in others))


def _terms(
    tx: Transaction, request: BuyerRequest, now: Instant, *, is_checked: bool = True
) -> _Terms:
    """Find what is sold and the code that counts: the buyer's, else a featured one (7.3).

    With ``is_checked`` False a code that does not apply is left out: it is refused later, because a
    price that cannot be converted is said first. A featured code is chosen anew with each look, so that one that ran out meanwhile fails nobody.
    """
    offer = _offer(tx, request)
    if not offer.takes_codes:
        return _Terms(offer=offer, code=None)
    product, policy = offer.product, offer.policy
    if request.code is not None:
        typed = tx.codes.find_code_by_text(request.code)
        if not is_checked and problem_of(typed, product, policy, now) is not None:
            return _Terms(offer=offer, code=None)
        return _Terms(offer=offer, code=checked_code(typed, product, policy, now))
    code = None
    if request.policy_slug is not None:
        candidates = tx.codes.list_featured(product.id, now)
        code = featured_code(candidates, product, policy, now)
    return _Terms(offer=offer, code=code)


def _offer(tx: Transaction, request: BuyerRequest) -> Offer:
    product = tx.products.find_product_by_slug(request.product_slug)
    if product is None:
        raise NotFound("product", request.product_slug)
    if not product.active:
        raise ProductInactive(product.slug)
    if request.policy_slug is None:
        return Offer(
            product=product, policy=default_tier(product, tx.policies.list_policies(product.id))
        )
    policy = tx.policies.find_policy_by_slug(product.id, request.policy_slug)
    if policy is None:
        raise NotFound("policy", request.policy_slug)
    refuse_unavailable(policy)
    return Offer(product=product, policy=policy)


def _rates_for(request: BuyerRequest, terms: _Terms, rates: Rates) -> dict[Currency, Rate]:
    """Ask for every rate the price needs; a code nobody typed must not keep anybody from buying."""
    price = terms.offer.price
    known = {one: rates.rate(one) for one in currencies_of(price, None)}
    for currency in currencies_of(price, terms.code) - known.keys():
        try:
            known[currency] = rates.rate(currency)
        except RateUnavailable:
            if request.code is not None:
                raise
    return known


def _opening(
    request: BuyerRequest, terms: _Terms, rates: dict[Currency, Rate], ids: Ids
) -> Opening:
    price, code = terms.offer.price, terms.code
    missing = currencies_of(price, code) - rates.keys()
    if missing and request.code is None and price.currency not in missing:
        # Another featured code than before, in a currency nobody asked the rate of.
        code, missing = None, frozenset()
    for currency in missing:
        # The price was changed while the rate was asked for: the next try asks for the right one.
        raise RateUnavailable(currency)
    return Opening(
        request=request,
        offer=terms.offer,
        pricing=priced(price, code, rates),
        code=code,
        invoice_id=InvoiceId(ids.new()),
        redemption_id=RedemptionId(ids.new()),
    )


def _accounts(
    tx: Transaction, product: Product, request: BuyerRequest, *, kinds: frozenset[ProviderKind]
) -> tuple[ProviderAccount, ...]:
    profile_id = _profile_id(tx, product)
    accounts = tx.merchants.list_accounts(profile_id) if profile_id else []
    usable = [account for account in accounts if account.kind in kinds]
    preferences = tx.merchants.list_preferences(profile_id) if profile_id else []
    return accounts_for_rail(usable, find_rail(request.rail), preferences)


def _profile_id(tx: Transaction, product: Product) -> MerchantProfileId | None:
    """Who sells a product: its own merchant profile, else the default."""
    if product.merchant_profile_id is not None:
        return product.merchant_profile_id
    default = tx.merchants.find_default_profile()
    return default.id if default else None


def _template(tx: Transaction, account: ProviderAccount) -> str | None:
    profile = tx.merchants.find_profile(account.merchant_profile_id)
    return profile.post_purchase_redirect_url if profile else None


def _save(tx: Transaction, sale: Settlement, ids: Ids, now: Instant) -> None:
    tx.sales.put_settlement(sale)
    for audit in sale.audits:
        tx.trail.append_audit(audit)
    for event in sale.events:
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))


def _digest(request: BuyerRequest) -> str:
    return hashlib.sha256(msgspec.json.encode(request)).hexdigest()


def _replayed(tx: Transaction, request: BuyerRequest, now: Instant) -> InvoiceId | None:
    if request.idempotency_key is None:
        return None
    record = tx.idempotency.find_record(OPERATION, request.idempotency_key)
    return replayed_invoice(record, _digest(request), now)


def _remember(tx: Transaction, request: BuyerRequest, invoice_id: InvoiceId, now: Instant) -> None:
    if request.idempotency_key is not None:
        record = IdempotencyRecord(
            key=request.idempotency_key,
            request_digest=_digest(request),
            invoice_id=invoice_id,
            created_at=now,
        )
        tx.idempotency.put_record(OPERATION, record)


def _answer(
    tx: Transaction, invoice_id: InvoiceId, keys: KeyRing, *, is_replayed: bool
) -> OpenedPurchase:
    invoice = tx.invoices.get_invoice(invoice_id)
    license = tx.licenses.find_license_for_invoice(invoice_id) if invoice.is_free else None
    return OpenedPurchase(
        invoice=invoice,
        license=license,
        key=key_of(license, keys.signing_key()) if license else None,
        redemption=tx.codes.find_redemption_of(invoice_id),
        is_replayed=is_replayed,
    )
