"""How a tier is spelt for buyers: price, cadence, duration, what it grants. Source: public-api 14.1.

The buy page and the screen of tiers say the same, because both say what is here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from keysat_core.domain.code import Code, CodeKind
from keysat_core.domain.entitlement import CatalogEntry
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS
from keysat_core.domain.money import Money
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.use_cases.purchases.show_offers import TierOffer
from keysat_http.pages import spelling

CADENCES: Final[Mapping[int, tuple[str, str]]] = {
    7: ("wk", "week"),
    30: ("mo", "month"),
    90: ("qtr", "quarter"),
    180: ("6 mo", "6 months"),
    365: ("yr", "year"),
}
"""Suffix and name of a cadence by its days (public-api 14.1)."""
PERCENT_BPS: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """A line of what a tier brings. ``about`` explains an entitlement; blank for a bullet."""

    text: str
    about: str = ""
    is_hidden: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A tier as it is shown. ``was`` is the listed price if a code takes something off."""

    slug: str
    name: str
    description: str
    price: str
    was: str | None
    in_sats: str | None
    cadence: str
    terms: Sequence[str]
    features: Sequence[Feature]
    ribbon: str | None
    is_popular: bool
    is_trial: bool
    offer: TierOffer


def card_of(product: Product, offer: TierOffer, *, is_hidden_shown: bool = False) -> Card:
    """Spell a tier; ``is_hidden_shown`` also lists what buyers do not see, for operators."""
    policy = offer.policy
    said = _said(policy)
    listed = offer.price
    is_reduced = offer.code is not None and offer.final.amount < listed.amount
    return Card(
        slug=policy.slug if policy else "",
        name=policy.name if policy else product.name,
        description=_text(said.get("description")),
        price=price_text(offer.final),
        was=price_text(listed) if is_reduced else None,
        in_sats=_in_sats(offer),
        cadence=cadence_suffix(policy) if listed.amount else "",
        terms=terms_of(policy) if policy else (),
        features=features_of(product, policy, is_hidden_shown=is_hidden_shown),
        ribbon=ribbon(offer.code) if offer.code and offer.code.featured else None,
        is_popular=policy is not None and policy.highlighted,
        is_trial=policy is not None and policy.is_trial,
        offer=offer,
    )


def price_text(price: Money) -> str:
    """Spell a price; nothing is ``free``."""
    return spelling.money(price) if price.amount else "Free"


def cadence_suffix(policy: Policy | None) -> str:
    """Spell how often it is paid: ``/ mo``; blank if once."""
    if policy is None or not policy.is_recurring:
        return ""
    days = policy.renewal_period_days
    return f"/ {CADENCES[days][0] if days in CADENCES else f'{days} days'}"


def cadence_words(policy: Policy) -> str:
    """Spell a cadence in a sentence: ``month``, ``45 days``."""
    days = policy.renewal_period_days
    return CADENCES[days][1] if days in CADENCES else f"{days} days"


def terms_of(policy: Policy) -> list[str]:
    """Say how long it lasts, how it renews, what the trial is, and on how many machines."""
    terms = []
    if policy.is_recurring:
        if policy.trial_days:
            terms.append(f"Free for {_count(policy.trial_days, 'day')}, then paid")
        terms.append(f"Renews every {cadence_words(policy)}; cancel at any time")
    else:
        terms.append(duration_text(policy.duration_seconds))
    if policy.max_machines:
        terms.append(f"For {_count(policy.max_machines, 'machine')}")
    else:
        terms.append("For any number of machines")
    return terms


def duration_text(seconds: int) -> str:
    """Spell how long a license lasts: days, under a day hours (public-api 14.1)."""
    if seconds == 0:
        return "Yours for good"
    if seconds >= DAY_SECONDS:
        return f"Valid for {_count(seconds // DAY_SECONDS, 'day')}"
    return f"Valid for {_count(max(1, seconds // HOUR_SECONDS), 'hour')}"


def features_of(
    product: Product, policy: Policy | None, *, is_hidden_shown: bool = False
) -> list[Feature]:
    """List bullets and entitlements in the order the tier says; catalog names where there are any."""
    if policy is None:
        return []
    said = _said(policy)
    raw = said.get("marketing_bullets")
    bullets = [
        Feature(text=text.strip())
        for text in (raw if isinstance(raw, list) else [])
        if isinstance(text, str) and text.strip()
    ]
    granted = granted_features(
        product, policy, policy.entitlements, is_hidden_shown=is_hidden_shown
    )
    is_below = said.get("marketing_bullets_position") == "below"
    return [*granted, *bullets] if is_below else [*bullets, *granted]


def granted_features(
    product: Product,
    policy: Policy | None,
    slugs: Iterable[str],
    *,
    is_hidden_shown: bool = False,
) -> list[Feature]:
    """Name entitlements, without those that the tier hides from buyers."""
    said = _said(policy).get("hidden_entitlements")
    hidden = {slug for slug in said if isinstance(slug, str)} if isinstance(said, list) else set()
    catalog = {entry.slug: entry for entry in product.entitlements_catalog}
    return [
        entitlement_feature(slug, catalog, is_hidden=slug in hidden)
        for slug in slugs
        if is_hidden_shown or slug not in hidden
    ]


def entitlement_feature(
    slug: str, catalog: Mapping[str, CatalogEntry], *, is_hidden: bool = False
) -> Feature:
    """Name an entitlement as its catalog does, else by its slug."""
    entry = catalog.get(slug)
    name = entry.name.strip() if entry else ""
    return Feature(text=name or slug, about=entry.description if entry else "", is_hidden=is_hidden)


def ribbon(code: Code) -> str:
    """Say what a featured code does, and how often it still can."""
    match code.kind:
        case CodeKind.PERCENT:
            text = f"{code.amount // PERCENT_BPS} % off"
        case CodeKind.FREE_LICENSE:
            text = "Free now"
        case CodeKind.SET_PRICE:
            text = "Special price"
        case _:
            text = "Reduced"
    left = code.remaining_uses
    return f"{text}, {left} left" if left else text


def _in_sats(offer: TierOffer) -> str | None:
    """Say what a price in a currency is in sats now; None if it is in sats, free, or unknown."""
    pricing = offer.pricing
    if pricing is None or pricing.quote.rate is None or not pricing.final_sats:
        return None
    return spelling.sats(pricing.final_sats)


def _said(policy: Policy | None) -> Mapping[str, object]:
    return policy.metadata if policy is not None and isinstance(policy.metadata, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
