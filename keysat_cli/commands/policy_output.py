"""How tiers are shown: one with all its terms, or many in a table."""

from collections.abc import Sequence
from typing import Final

from keysat_cli.output import duration_text, emit, facts, listing, time_text
from keysat_core.domain.policy import Policy
from keysat_http.views.policy import policy_list_view, policy_view

HEADINGS: Final = (
    "slug", "name", "price", "duration", "seats", "rank", "active", "public", "archived", "id",
)  # fmt: skip


def emit_policy(found: Policy) -> None:
    """Show one tier."""
    emit(policy_view(found), _lines(found))


def emit_policies(policies: Sequence[Policy]) -> None:
    """Show tiers, in the order given."""
    rows = [
        (
            p.slug,
            p.name,
            p.price_sats_override,
            duration_text(p.duration_seconds),
            p.max_machines or "no cap",
            p.tier_rank,
            p.active,
            p.public,
            p.is_archived,
            p.id,
        )
        for p in policies
    ]
    emit(policy_list_view(policies, total=len(policies)), listing(HEADINGS, rows, noun="policies"))


def _lines(found: Policy) -> list[str]:
    tip = found.tip
    every = f"every {found.renewal_period_days} d, trial {found.trial_days} d"
    return facts(
        (
            ("slug", found.slug),
            ("name", found.name),
            ("price", found.price_sats_override),
            ("duration", duration_text(found.duration_seconds)),
            ("grace", duration_text(found.grace_seconds) if found.grace_seconds else None),
            ("seats", found.max_machines or "no cap"),
            ("trial", found.is_trial),
            ("entitlements", found.entitlements),
            ("recurring", every if found.is_recurring else False),
            ("tip", f"{tip.pct_bps} bps to {tip.recipient}" if tip else None),
            ("rank", found.tier_rank),
            ("active", found.active),
            ("public", found.public),
            ("archived at", time_text(found.archived_at)),
            ("metadata", found.metadata or None),
            ("created at", time_text(found.created_at)),
            ("updated at", time_text(found.updated_at)),
            ("id", found.id),
        )
    )
