"""What the form of a tier holds. Metadata is any JSON, so what it should say may be anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """An entitlement that can be granted. ``is_listed``: the product's catalog has it."""

    slug: str
    name: str
    about: str
    is_granted: bool
    is_hidden: bool
    is_listed: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class TierForm:
    """What metadata says of a tier, and its choices; none where the product has no catalog."""

    description: str = ""
    bullets: Sequence[str] = ()
    is_below: bool = False
    hidden: Sequence[str] = ()
    choices: Sequence[Choice] = ()


def tier_form(product: Product, policy: Policy | None = None) -> TierForm:
    """Give what the form of a tier shows; without one, that of a new tier.

    What a tier grants or hides stays a choice when the catalog no longer has it: it is kept until
    somebody takes it away.
    """
    said = policy.metadata if policy is not None and isinstance(policy.metadata, dict) else {}
    description = said.get("description")
    hidden = _texts(said, "hidden_entitlements")
    granted = policy.entitlements if policy is not None else ()
    return TierForm(
        description=description if isinstance(description, str) else "",
        bullets=_texts(said, "marketing_bullets"),
        is_below=said.get("marketing_bullets_position") == "below",
        hidden=hidden,
        choices=_choices(product, granted, hidden) if product.entitlements_catalog else (),
    )


def _choices(product: Product, granted: Sequence[str], hidden: Sequence[str]) -> list[Choice]:
    listed = [
        Choice(
            slug=entry.slug,
            name=entry.name.strip() or entry.slug,
            about=entry.description,
            is_granted=entry.slug in granted,
            is_hidden=entry.slug in hidden,
        )
        for entry in product.entitlements_catalog
    ]
    known = {entry.slug for entry in product.entitlements_catalog}
    others = dict.fromkeys(slug for slug in (*granted, *hidden) if slug not in known)
    return listed + [
        Choice(
            slug=slug,
            name=slug,
            about="",
            is_granted=slug in granted,
            is_hidden=slug in hidden,
            is_listed=False,
        )
        for slug in others
    ]


def _texts(said: Mapping[str, object], key: str) -> list[str]:
    value = said.get(key)
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
