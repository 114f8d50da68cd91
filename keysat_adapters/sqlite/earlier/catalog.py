"""Carrying products and policies. Rows that today's rules would not take keep what they have (B-36)."""

import msgspec

from keysat_adapters.sqlite.earlier.cells import Cells, shown
from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_core.domain.document import JSONValue, checked_document
from keysat_core.domain.entitlement import Catalog, CatalogEntry
from keysat_core.domain.ids import MerchantProfileId, PolicyId, ProductId
from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.policy import GRACE_PERIOD_DAYS_DEFAULT, Policy, Tip
from keysat_core.domain.product import Product
from keysat_core.errors import InvariantError
from keysat_core.limits import (
    AMOUNT_MAX,
    DESCRIPTION_CHARS_MAX,
    ENTITLEMENT_BYTES_MAX,
    ENTITLEMENTS_MAX,
    GRACE_PERIOD_DAYS_MAX,
    NAME_CHARS_MAX,
    RENEWAL_PERIOD_DAYS_MAX,
    SEATS_MAX,
    SECONDS_MAX,
    TIER_RANK_MAX,
    TIP_BPS_MAX,
)


def carry_catalog(mover: Mover) -> None:
    """Carry products, then their policies."""

    def product(cells: Cells) -> None:
        mover.tx.products.put_product(_product(mover, cells))

    def policy(cells: Cells) -> None:
        mover.tx.policies.put_policy(_policy(mover, cells))

    mover.each("products", product)
    mover.each("policies", policy)


def _product(mover: Mover, cells: Cells) -> Product:
    created_at = cells.at("created_at", otherwise=mover.now)
    slug = cells.text("slug") or ""
    return Product(
        id=ProductId(cells.uuid("id")),
        slug=slug,
        name=name_of(cells, slug),
        description=cells.text("description", chars_max=DESCRIPTION_CHARS_MAX) or "",
        price=_price(cells),
        active=cells.flag("active"),
        metadata=metadata_of(cells),
        entitlements_catalog=_catalog(cells),
        merchant_profile_id=_profile_id(mover, cells),
        created_at=created_at,
        updated_at=cells.at("updated_at", otherwise=created_at),
    )


def name_of(cells: Cells, slug: str) -> str:
    """Give a name; what has none is called by its slug, else by its id."""
    name = cells.text("name", chars_max=NAME_CHARS_MAX) or ""
    if name.strip():
        return name
    stand_in = slug[:NAME_CHARS_MAX] if slug.strip() else cells.id
    cells.changed(f"its name was blank; it is {stand_in} now", "B-36")
    return stand_in


def metadata_of(cells: Cells, *, is_object: bool = False) -> JSONValue:
    """Give metadata; what is no JSON, or is too large, stays in the earlier file alone."""
    document = cells.json("metadata_json", {})
    try:
        checked_document(document, field="metadata")
    except InvariantError as exc:
        cells.changed(f"metadata_json {exc.problem}; the earlier file still has it")
        return {}
    if is_object and not isinstance(document, dict):
        cells.changed("metadata_json was no JSON object; what it was is under 'earlier' now")
        return {"earlier": document}
    return document


def entitlements_of(cells: Cells) -> tuple[str, ...]:
    """Give entitlements that a license key can hold, in their order (lifecycles 1.2, D34)."""
    found = cells.words("entitlements_json")
    kept = tuple(
        word for word in found if word.strip() and len(word.encode()) <= ENTITLEMENT_BYTES_MAX
    )[:ENTITLEMENTS_MAX]
    if kept != found:
        cells.changed(
            f"{len(found) - len(kept)} entitlements that no key can hold were left", "D34"
        )
    return kept


def currency_of(cells: Cells, name: str, *, otherwise: Currency = Currency.SAT) -> Currency:
    """Give a currency, in whatever case it was written."""
    text = (cells.text(name) or "").upper()
    if text in set(Currency):
        if text != cells.raw(name):
            cells.changed(f"{name} {shown(cells.raw(name))} is {text} now")
        return Currency(text)
    cells.changed(f"{name} {shown(cells.raw(name))} is not known; it is {otherwise} now")
    return otherwise


def _price(cells: Cells) -> Money:
    currency = currency_of(cells, "price_currency")
    amount = cells.number("price_value", high=AMOUNT_MAX)
    mirror = cells.raw("price_sats")
    if currency is Currency.SAT and mirror != cells.raw("price_value"):
        cells.changed(
            f"price_sats was {shown(mirror)}; price_value, {amount}, counts", "lifecycles 5"
        )
    return Money(currency=currency, amount=amount)


def _catalog(cells: Cells) -> Catalog:
    document = cells.json("entitlements_catalog_json", [])
    try:
        entries = msgspec.convert(document, tuple[CatalogEntry, ...])
    except msgspec.ValidationError:
        cells.changed("entitlements_catalog_json is no catalog; any entitlement may be granted now")
        return ()
    known: dict[str, CatalogEntry] = {}
    for entry in entries:
        known.setdefault(entry.slug, entry)
    if len(known) != len(entries):
        cells.changed("slugs that the catalog had twice are there once now")
    return tuple(known.values())


def _profile_id(mover: Mover, cells: Cells) -> MerchantProfileId | None:
    id_ = mover.optional(cells, "merchant_profile_id", "merchant_profiles")
    return None if id_ is None else MerchantProfileId(id_)


def _policy(mover: Mover, cells: Cells) -> Policy:
    created_at = cells.at("created_at", otherwise=mover.now)
    slug = cells.text("slug") or ""
    is_recurring = cells.flag("is_recurring")
    days_max = SECONDS_MAX // DAY_SECONDS
    period = cells.number(
        "renewal_period_days",
        low=int(is_recurring),
        high=RENEWAL_PERIOD_DAYS_MAX if is_recurring else days_max,
        rule="lifecycles 4.1",
    )
    if is_recurring and cells.raw("renewal_period_days") is None:
        cells.changed("it had no renewal_period_days; it is 1 now", "lifecycles 8.2")
    override = cells.optional_number("price_sats_override", high=AMOUNT_MAX, rule="lifecycles 4.1")
    _note_reserved(cells)
    return Policy(
        id=PolicyId(cells.required("id")),
        product_id=ProductId(mover.needed(cells, "product_id", "products")),
        slug=slug,
        name=name_of(cells, slug),
        duration_seconds=cells.number("duration_seconds"),
        grace_seconds=cells.number("grace_seconds"),
        max_machines=cells.number("max_machines", high=SEATS_MAX, rule="lifecycles 3"),
        is_trial=cells.flag("is_trial"),
        price_sats_override=override,
        entitlements=entitlements_of(cells),
        metadata=metadata_of(cells, is_object=True),
        tip=_tip(cells),
        active=cells.flag("active"),
        public=cells.flag("public"),
        is_recurring=is_recurring,
        renewal_period_days=period,
        grace_period_days=_grace_days(cells, is_recurring=is_recurring),
        trial_days=cells.number("trial_days", high=period if is_recurring else days_max),
        tier_rank=_rank(cells),
        archived_at=cells.optional_at("archived_at"),
        created_at=created_at,
        updated_at=cells.at("updated_at", otherwise=created_at),
    )


def _note_reserved(cells: Cells) -> None:
    """The pair was never read (admin-api 3); a value in it that says something else is told."""
    value = cells.raw("price_value_override")
    is_other = value is not None and value != cells.raw("price_sats_override")
    if is_other or cells.raw("price_currency_override") is not None:
        cells.changed("price_value_override and its currency, which nothing ever read, were left")


def _grace_days(cells: Cells, *, is_recurring: bool) -> int:
    if cells.raw("grace_period_days") is None:
        return GRACE_PERIOD_DAYS_DEFAULT
    high = GRACE_PERIOD_DAYS_MAX if is_recurring else SECONDS_MAX // DAY_SECONDS
    return cells.number("grace_period_days", high=high)


def _rank(cells: Cells) -> int | None:
    rank = cells.raw("tier_rank")
    if isinstance(rank, int) and rank < 0:
        cells.changed(
            f"tier_rank {rank} is none; it is outside of the ladder now", "lifecycles 4.3"
        )
        return None
    return cells.optional_number("tier_rank", high=TIER_RANK_MAX)


def _tip(cells: Cells) -> Tip | None:
    recipient = (cells.text("tip_recipient", chars_max=NAME_CHARS_MAX) or "").strip()
    bps = cells.number("tip_pct_bps", high=TIP_BPS_MAX)
    label = (cells.text("tip_label", chars_max=NAME_CHARS_MAX) or "").strip()
    if recipient and bps:
        return Tip(recipient=recipient, pct_bps=bps, label=label or None)
    if recipient or bps or label:
        cells.changed(
            "a tip that never could be sent, for want of half of it, was left", "payments 13"
        )
    return None
