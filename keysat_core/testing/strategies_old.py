"""Hypothesis strategies for the values of the domain, everything they may hold included.

Each takes by keyword what should be fixed, as a value: ``licenses(product_id=product.id)``. What a
value refers to is not made with it: a policy drawn alone belongs to a product nobody has.
"""

from typing import Any, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.document import JSONValue
from keysat_core.domain.entitlement import Catalog, CatalogEntry
from keysat_core.domain.ids import InvoiceId, LicenseId, MachineId, PolicyId, ProductId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.license import License, LicenseStatus
from keysat_core.domain.machine import Machine
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import Rail
from keysat_core.domain.policy import Policy, Tip
from keysat_core.domain.product import Product
from keysat_core.domain.receipt import ReceiptOutcome, WebhookReceipt
from keysat_core.limits import (
    AMOUNT_MAX,
    GRACE_PERIOD_DAYS_MAX,
    INSTANT_MAX,
    RENEWAL_PERIOD_DAYS_MAX,
    SEATS_MAX,
    SECONDS_MAX,
    TIER_RANK_MAX,
    TIP_BPS_MAX,
)
from keysat_core.signing import fingerprint_hash

_Value = TypeVar("_Value")

_SLUG: Final = r"[a-z0-9][a-z0-9_-]{0,19}"
_ENTITLEMENT: Final = r"[a-z0-9_]{1,20}"


def ids() -> SearchStrategy[str]:
    """Lower-case UUIDv4 text."""
    return st.uuids(version=4).map(str)


def instants(first: int = 0) -> SearchStrategy[Instant]:
    """Any instant RFC 3339 can spell, from ``first`` on."""
    return st.integers(first, INSTANT_MAX).map(Instant)


def texts(chars_max: int = 40, *, chars_min: int = 0) -> SearchStrategy[str]:
    """Text that may be stored: any Unicode but NUL and halves of surrogate pairs."""
    characters = st.characters(codec="utf-8", exclude_characters="\0")
    return st.text(characters, min_size=chars_min, max_size=chars_max)


def slugs() -> SearchStrategy[str]:
    """Slugs of products and policies."""
    return st.from_regex(_SLUG, fullmatch=True)


def names() -> SearchStrategy[str]:
    """Names for people: text that is not blank."""
    return texts(chars_min=1).filter(lambda text: bool(text.strip()))


def emails() -> SearchStrategy[str]:
    """Text with an at sign; case and script are not restricted."""
    return st.tuples(names(), names()).map("@".join)


def documents() -> SearchStrategy[JSONValue]:
    """JSON values that are spelled and read back the same."""
    finite = st.floats(allow_nan=False, allow_infinity=False)
    leaves: SearchStrategy[JSONValue] = st.one_of(
        st.none(), st.booleans(), st.integers(), finite, texts()
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(), inner, max_size=4),
        max_leaves=10,
    )


def objects() -> SearchStrategy[dict[str, JSONValue]]:
    """JSON objects."""
    return st.dictionaries(texts(), documents(), max_size=4)


def money(currency: Currency | None = None) -> SearchStrategy[Money]:
    """Any amount of any currency, or of one."""
    currencies = st.just(currency) if currency else st.sampled_from(Currency)
    return st.builds(Money, currency=currencies, amount=st.integers(0, AMOUNT_MAX))


def entitlements() -> SearchStrategy[tuple[str, ...]]:
    """What a policy or license grants, each at most once."""
    slug = st.from_regex(_ENTITLEMENT, fullmatch=True)
    return st.lists(slug, max_size=5, unique=True).map(tuple)


def catalogs() -> SearchStrategy[Catalog]:
    """A product's catalog of entitlements."""
    entry = st.builds(
        CatalogEntry,
        slug=st.from_regex(_ENTITLEMENT, fullmatch=True),
        name=texts(),
        description=texts(),
    )
    return st.lists(entry, max_size=4, unique_by=lambda each: each.slug).map(tuple)


def products(**fixed: Any) -> SearchStrategy[Product]:
    """Products of the default merchant profile."""
    return _built(
        Product,
        fixed,
        id=ids().map(ProductId),
        slug=slugs(),
        name=names(),
        description=texts(),
        price=money(),
        active=st.booleans(),
        metadata=documents(),
        entitlements_catalog=catalogs(),
        created_at=instants(),
        updated_at=instants(),
    )


def tips() -> SearchStrategy[Tip]:
    """Shares of a sale for somebody else."""
    return st.builds(
        Tip,
        recipient=names(),
        pct_bps=st.integers(1, TIP_BPS_MAX),
        label=st.none() | names(),
    )


@st.composite
def policies(draw: st.DrawFn, /, **fixed: Any) -> Policy:
    """Tiers of every kind: perpetual, timed, recurring, trial, archived."""
    is_recurring: bool = fixed.get("is_recurring", draw(st.booleans()))
    period = st.integers(int(is_recurring), RENEWAL_PERIOD_DAYS_MAX)
    renewal_period_days: int = fixed.get("renewal_period_days", draw(period))
    trial_max = renewal_period_days if is_recurring else RENEWAL_PERIOD_DAYS_MAX
    return draw(
        _built(
            Policy,
            fixed,
            id=ids().map(PolicyId),
            product_id=ids().map(ProductId),
            slug=slugs(),
            name=names(),
            duration_seconds=st.integers(0, SECONDS_MAX),
            grace_seconds=st.integers(0, SECONDS_MAX),
            max_machines=st.integers(0, SEATS_MAX),
            is_trial=st.booleans(),
            price_sats_override=st.none() | st.integers(0, AMOUNT_MAX),
            entitlements=entitlements(),
            metadata=objects(),
            tip=st.none() | tips(),
            active=st.booleans(),
            public=st.booleans(),
            is_recurring=st.just(is_recurring),
            renewal_period_days=st.just(renewal_period_days),
            grace_period_days=st.integers(0, GRACE_PERIOD_DAYS_MAX),
            trial_days=st.integers(0, trial_max),
            tier_rank=st.none() | st.integers(0, TIER_RANK_MAX),
            archived_at=st.none() | instants(),
            created_at=instants(),
            updated_at=instants(),
        )
    )


def licenses(**fixed: Any) -> SearchStrategy[License]:
    """Licenses in every state, without policy or invoice unless given."""
    return _built(
        License,
        fixed,
        id=ids().map(LicenseId),
        product_id=ids().map(ProductId),
        status=st.sampled_from(LicenseStatus),
        issued_at=instants(),
        expires_at=st.none() | instants(1),
        grace_seconds=st.integers(0, SECONDS_MAX),
        max_machines=st.integers(0, SEATS_MAX),
        is_trial=st.booleans(),
        entitlements=entitlements(),
        fingerprint=st.none() | texts(),
        buyer_email=st.none() | emails(),
        nostr_npub=st.none() | texts(),
        bound_identity=st.none() | texts(),
        metadata=documents(),
        suspended_at=st.none() | instants(),
        suspension_reason=st.none() | texts(),
        revoked_at=st.none() | instants(),
        revocation_reason=st.none() | texts(),
    )


@st.composite
def machines(draw: st.DrawFn, /, **fixed: Any) -> Machine:
    """Machines, live and deactivated; the hash is that of the fingerprint."""
    fingerprint: str = fixed.get("fingerprint", draw(names()))
    return draw(
        _built(
            Machine,
            fixed,
            id=ids().map(MachineId),
            license_id=ids().map(LicenseId),
            fingerprint=st.just(fingerprint),
            fingerprint_hash=st.just(fingerprint_hash(fingerprint).hex()),
            hostname=st.none() | texts(),
            platform=st.none() | texts(),
            ip_last_seen=st.none() | st.ip_addresses().map(str),
            activated_at=instants(),
            last_heartbeat_at=instants(),
            deactivated_at=st.none() | instants(),
            deactivation_reason=st.none() | texts(),
        )
    )


def invoices(**fixed: Any) -> SearchStrategy[Invoice]:
    """Invoices in every state, without policy or provider unless given."""
    return _built(
        Invoice,
        fixed,
        id=ids().map(InvoiceId),
        product_id=ids().map(ProductId),
        status=st.sampled_from(InvoiceStatus),
        amount_sats=st.integers(0, AMOUNT_MAX),
        base_price_sats=st.integers(0, AMOUNT_MAX),
        listed_currency=st.none() | st.sampled_from(Currency),
        listed_value=st.none() | st.integers(0, AMOUNT_MAX),
        exchange_rate_centibps=st.none() | st.integers(0, AMOUNT_MAX),
        exchange_rate_source=st.none() | texts(),
        buyer_email=st.none() | emails(),
        buyer_note=st.none() | texts(),
        rail=st.none() | st.sampled_from(Rail),
        redirect_url=texts(),
        provider_invoice_id=st.none() | texts(),
        provider_status_raw=st.none() | texts(),
        checkout_url=texts(),
        created_at=instants(),
        updated_at=instants(),
        settled_at=st.none() | instants(),
        effect_at=st.none() | instants(),
        last_checked_at=st.none() | instants(),
    )


def receipts(**fixed: Any) -> SearchStrategy[WebhookReceipt]:
    """Webhook receipts with every outcome, without an invoice of ours unless given."""
    return _built(
        WebhookReceipt,
        {"invoice_id": None} | fixed,
        id=ids(),
        provider_account_id=ids(),
        type=texts(),
        provider_invoice_id=st.none() | texts(),
        delivery_id=st.none() | texts(),
        outcome=st.sampled_from(ReceiptOutcome),
        received_at=instants(),
    )


def _built(
    kind: type[_Value], fixed: dict[str, Any], **fields: SearchStrategy[Any]
) -> SearchStrategy[_Value]:
    """Build values of a kind; what is fixed wins over its strategy."""
    chosen = {name: st.just(value) for name, value in fixed.items()}
    return st.builds(kind, **(fields | chosen))
