"""Start a sale: decide the price, remember it, and deliver at once what costs nothing."""

import hashlib

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.buyer import BuyerRequest, checked_request, redirect_target
from keysat_core.domain.events import InvoiceOpened, outbox_event
from keysat_core.domain.idempotency import IdempotencyRecord, replayed_invoice
from keysat_core.domain.ids import (
    EventId,
    InvoiceId,
    MerchantProfileId,
    ProviderAccountId,
)
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import FREE_PREFIX, Invoice
from keysat_core.domain.license import License, key_of
from keysat_core.domain.merchant import ProviderAccount, ProviderKind, accounts_for_rail
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import find_rail
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.domain.rate import Quote, Rate, convert
from keysat_core.domain.sale import fulfil
from keysat_core.domain.sale_record import SaleFacts, Settlement, new_ids
from keysat_core.domain.tier import default_tier, list_price, refuse_unavailable
from keysat_core.errors import CodeRefused, NotFound, ProductInactive, RateUnavailable
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

    ``is_replayed``: an earlier request with the same Idempotency-Key opened it. ``passed_over``:
    accounts that could have collected as well, between which nobody chose (payments 4.1).
    """

    invoice: Invoice
    license: License | None = None
    key: str | None = None
    is_replayed: bool = False
    passed_over: tuple[ProviderAccountId, ...] = ()


class _Offer(msgspec.Struct, frozen=True, kw_only=True):
    product: Product
    policy: Policy | None

    @property
    def price(self) -> Money:
        return list_price(self.product, self.policy)


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
        offer = _offer(tx, request)
    rate = _rate_for(offer.price, rates)
    with store.writing() as tx:
        replayed = _replayed(tx, request, now)
        if replayed is not None:
            return _answer(tx, replayed, keys, is_replayed=True)
        offer = _offer(tx, request)
        quote = _quote(offer.price, rate)
        invoice = _invoice(request, offer, quote, InvoiceId(ids.new()), now=now)
        others: list[ProviderAccount] = []
        if _is_free(request, offer, quote):
            profile_id = _profile_id(tx, offer.product)
            sale = _fulfil_free(invoice, offer, profile_id, ids=ids, actor=actor, now=now)
        else:
            account, *others = _accounts(tx, offer.product, request, kinds=providers.kinds())
            target = redirect_target(
                request, _template(tx, account), public_url=public_url, invoice_id=invoice.id
            )
            sale = _open(invoice, account, target, actor, now)
        _save(tx, sale, ids, now)
        _remember(tx, request, invoice.id, now)
        opened = _answer(tx, invoice.id, keys, is_replayed=False)
    return msgspec.structs.replace(opened, passed_over=tuple(other.id for other in others))


def _offer(tx: Transaction, request: BuyerRequest) -> _Offer:
    product = tx.products.find_product_by_slug(request.product_slug)
    if product is None:
        raise NotFound("product", request.product_slug)
    if not product.active:
        raise ProductInactive(product.slug)
    if request.policy_slug is None:
        return _Offer(
            product=product, policy=default_tier(product, tx.policies.list_policies(product.id))
        )
    policy = tx.policies.find_policy_by_slug(product.id, request.policy_slug)
    if policy is None:
        raise NotFound("policy", request.policy_slug)
    refuse_unavailable(policy)
    return _Offer(product=product, policy=policy)


def _rate_for(price: Money, rates: Rates) -> Rate | None:
    if price.currency is Currency.SAT or price.amount == 0:
        return None
    return rates.rate(price.currency)


def _quote(price: Money, rate: Rate | None) -> Quote:
    is_fiat = price.currency is not Currency.SAT and price.amount
    if is_fiat and (rate is None or rate.currency is not price.currency):
        # The price was changed while the rate was asked for: the next try asks for the right one.
        raise RateUnavailable(price.currency)
    return convert(price, rate)


def _is_free(request: BuyerRequest, offer: _Offer, quote: Quote) -> bool:
    """A trial or a price of 0 costs nothing and uses no code; any other code is unknown here."""
    if (offer.policy is not None and offer.policy.has_free_trial) or quote.amount_sats == 0:
        return True
    if request.code is not None:
        raise CodeRefused("unknown_code")
    return False


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


def _invoice(
    request: BuyerRequest,
    offer: _Offer,
    quote: Quote,
    invoice_id: InvoiceId,
    *,
    now: Instant,
) -> Invoice:
    return Invoice(
        id=invoice_id,
        product_id=offer.product.id,
        policy_id=offer.policy.id if offer.policy else None,
        amount_sats=quote.amount_sats,
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


def _fulfil_free(
    invoice: Invoice,
    offer: _Offer,
    profile_id: MerchantProfileId | None,
    *,
    ids: Ids,
    actor: Actor,
    now: Instant,
) -> Settlement:
    free = msgspec.structs.replace(
        invoice,
        amount_sats=0,
        provider_invoice_id=FREE_PREFIX + invoice.id,
        listed_currency=None,
        listed_value=None,
        exchange_rate_centibps=None,
        exchange_rate_source=None,
    )
    facts = SaleFacts(
        invoice=free,
        product=offer.product,
        policy=offer.policy,
        issued=None,
        new=new_ids(ids.new),
        merchant_profile_id=profile_id,
    )
    return fulfil(facts, actor, now, by=None)


def _open(
    invoice: Invoice, account: ProviderAccount, redirect_url: str, actor: Actor, now: Instant
) -> Settlement:
    opened = msgspec.structs.replace(
        invoice, provider_account_id=account.id, redirect_url=redirect_url
    )
    audit = audited(
        actor,
        "invoice.open",
        now,
        target=("invoice", opened.id),
        product_id=opened.product_id,
        policy_id=opened.policy_id,
        amount_sats=opened.amount_sats,
    )
    event = InvoiceOpened(
        invoice_id=opened.id, product_id=opened.product_id, amount_sats=opened.amount_sats
    )
    return Settlement(invoice=opened, events=(event,), audits=(audit,))


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
        is_replayed=is_replayed,
    )
