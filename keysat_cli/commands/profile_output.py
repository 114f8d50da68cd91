"""How merchant profiles are shown to people."""

from collections.abc import Sequence

from keysat_cli.output import facts, listing, time_text
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import MerchantProfile, ProviderAccount, RailPreference
from keysat_core.domain.payment import Rail


def profile_lines(found: MerchantProfile, *more: tuple[str, object]) -> list[str]:
    """Spell out a profile, and what else there is to say of it."""
    return facts(
        (
            ("name", found.name),
            ("default", found.is_default),
            ("legal name", found.legal_name),
            ("support url", found.support_url),
            ("support email", found.support_email),
            ("brand color", found.brand_color),
            ("redirect url", found.post_purchase_redirect_url),
            ("smtp host", found.smtp_host),
            ("smtp port", found.smtp_port),
            ("smtp username", found.smtp_username),
            ("smtp password", "set" if found.smtp_password else None),
            ("smtp from", found.smtp_from_address),
            ("smtp from name", found.smtp_from_name),
            ("smtp starttls", found.smtp_use_starttls),
            ("created at", time_text(found.created_at)),
            ("updated at", time_text(found.updated_at)),
            ("id", found.id),
            *more,
        )
    )


def provider_lines(
    accounts: Sequence[ProviderAccount], preferences: Sequence[RailPreference]
) -> list[str]:
    """List who is paid, and on which rails by choice."""
    preferred: dict[ProviderAccountId, list[Rail]] = {}
    for one in preferences:
        preferred.setdefault(one.provider_account_id, []).append(one.rail)
    rows = [
        (account.kind, account.label, account.served_rails, preferred.get(account.id), account.id)
        for account in accounts
    ]
    headings = ("kind", "label", "rails", "preferred for", "provider id")
    return ["", *listing(headings, rows, noun="providers")]
