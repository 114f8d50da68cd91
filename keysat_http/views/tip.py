"""Tips as operators see them. Source: admin-api 2.5, payments 13."""

from typing import Final, Literal

import msgspec

from keysat_core.domain.instant import rfc3339
from keysat_core.domain.tip import TipAttempt, TipStatus
from keysat_core.use_cases.tips.list_tips import TipPage

PENDING: Final = frozenset({TipStatus.PENDING, TipStatus.PAYING})
"""Two states to us, one to operators: not decided yet."""


class Tip(msgspec.Struct, frozen=True, kw_only=True):
    """A tip. ``status``: ``sent``, ``failed``, ``skipped``, or ``pending`` until it is decided."""

    id: str
    license_id: str
    policy_id: str
    recipient: str
    amount_sats: int
    pct_bps: int
    label: str | None
    status: str
    detail: str | None
    payment_hash: str | None
    created_at: str


class TipList(msgspec.Struct, frozen=True, kw_only=True):
    """Tips, newest first. ``total`` counts all that match, if it is exact."""

    tips: list[Tip]
    total: int
    is_total_exact: bool


class TipsCap(msgspec.Struct, frozen=True, kw_only=True):
    """The most that is tipped within 24 hours; null for no cap."""

    ok: Literal[True] = True
    tips_daily_cap_sats: int | None


def tip_view(tip: TipAttempt) -> Tip:
    """Render a tip."""
    return Tip(
        id=tip.id,
        license_id=tip.license_id,
        policy_id=tip.policy_id,
        recipient=tip.recipient,
        amount_sats=tip.amount_sats,
        pct_bps=tip.pct_bps,
        label=tip.label,
        status=str(TipStatus.PENDING if tip.status in PENDING else tip.status),
        detail=tip.detail,
        payment_hash=tip.payment_hash,
        created_at=rfc3339(tip.created_at),
    )


def tip_list_view(page: TipPage) -> TipList:
    """Render a page of tips in the order given."""
    return TipList(
        tips=[tip_view(tip) for tip in page.tips],
        total=page.total.number,
        is_total_exact=page.total.is_exact,
    )
