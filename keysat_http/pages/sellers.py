"""Whose shop a buyer's page is: name, color, where to ask. Source: public-api 14.1, payments 3."""

from dataclasses import dataclass

from keysat_core.domain.merchant import MerchantProfile
from keysat_http.pages.theme import Theme, theme_of
from keysat_http.views.merchant import logo_path


@dataclass(frozen=True, kw_only=True, slots=True)
class Seller:
    """What buyers see of a merchant profile."""

    theme: Theme | None = None
    logo_path: str | None = None
    legal_name: str | None = None
    support_url: str | None = None
    support_email: str | None = None


def seller_of(profile: MerchantProfile | None, logo_version: str | None = None) -> Seller:
    """Give what buyers see of a profile; a link that is no web address is left out."""
    if profile is None:
        return Seller()
    url = profile.support_url or ""
    return Seller(
        theme=theme_of(profile.brand_color),
        logo_path=logo_path(profile.id, logo_version),
        legal_name=profile.legal_name or None,
        support_url=url if url.startswith(("https://", "http://")) else None,
        support_email=profile.support_email or None,
    )
