"""Policies: the terms a product is sold on, one per tier (lifecycles 4)."""

from typing import Self

import msgspec

from keysat_core.domain.document import JSONValue, checked_object
from keysat_core.domain.entitlement import checked_entitlements
from keysat_core.domain.ids import PolicyId, ProductId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.lightning import read_address
from keysat_core.domain.text import checked_range, checked_text
from keysat_core.errors import InvariantError
from keysat_core.limits import (
    AMOUNT_MAX,
    GRACE_PERIOD_DAYS_MAX,
    NAME_CHARS_MAX,
    RENEWAL_PERIOD_DAYS_MAX,
    SEATS_MAX,
    SECONDS_MAX,
    TIER_RANK_MAX,
    TIP_BPS_MAX,
)

GRACE_PERIOD_DAYS_DEFAULT = 7
"""Days a subscription may be late before it lapses, unless the operator says otherwise."""


class Tip(msgspec.Struct, frozen=True, kw_only=True):
    """A share of each sale for a lightning address: ``pct_bps`` hundredths of a percent."""

    recipient: str
    pct_bps: int
    label: str | None = None

    def __post_init__(self) -> None:
        checked_text(self.recipient, field="tip_recipient", chars_max=NAME_CHARS_MAX, required=True)
        checked_range(self.pct_bps, field="tip_pct_bps", low=1, high=TIP_BPS_MAX)
        if self.label is not None:
            checked_text(self.label, field="tip_label", chars_max=NAME_CHARS_MAX, required=True)


def read_tip(recipient: str | None, pct_bps: int, label: str | None) -> Tip | None:
    """Read the three tip fields; a blank recipient or label means none.

    Source: lifecycles 4.1: a recipient is set exactly when ``pct_bps`` is above 0. Payments 13: it
    is a lightning address; rows of old databases may hold anything, and such a tip fails.

    Raises:
        InvariantError: only one of the pair is set, no such address, or a share above 100 %.
    """
    checked_range(pct_bps, field="tip_pct_bps", low=0, high=TIP_BPS_MAX)
    address = (recipient or "").strip()
    if bool(address) != (pct_bps > 0):
        raise InvariantError(
            "tip_pct_bps", "set tip_recipient and a tip_pct_bps above 0 together, or neither"
        )
    if not address:
        return None
    read_address(address)
    return Tip(recipient=address, pct_bps=pct_bps, label=(label or "").strip() or None)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One tier. Durations are seconds (0 = perpetual), ``max_machines`` 0 means no cap.

    ``price_sats_override`` counts the smallest unit of the *product's* currency whatever its name
    says; None means the product's price. ``tier_rank`` None means outside the upgrade ladder.
    """

    id: PolicyId
    product_id: ProductId
    slug: str
    name: str
    duration_seconds: int = 0
    grace_seconds: int = 0
    max_machines: int = 1
    is_trial: bool = False
    price_sats_override: int | None = None
    entitlements: tuple[str, ...] = ()
    metadata: JSONValue = msgspec.field(default_factory=dict)
    tip: Tip | None = None
    active: bool = True
    public: bool = True
    is_recurring: bool = False
    renewal_period_days: int = 0
    grace_period_days: int = GRACE_PERIOD_DAYS_DEFAULT
    trial_days: int = 0
    tier_rank: int | None = None
    archived_at: Instant | None = None
    created_at: Instant
    updated_at: Instant

    def __post_init__(self) -> None:
        checked_text(self.name, field="name", chars_max=NAME_CHARS_MAX, required=True)
        checked_range(self.duration_seconds, field="duration_seconds", low=0, high=SECONDS_MAX)
        checked_range(self.grace_seconds, field="grace_seconds", low=0, high=SECONDS_MAX)
        checked_range(self.max_machines, field="max_machines", low=0, high=SEATS_MAX)
        if self.price_sats_override is not None:
            checked_range(
                self.price_sats_override, field="price_sats_override", low=0, high=AMOUNT_MAX
            )
        if self.tier_rank is not None:
            checked_range(self.tier_rank, field="tier_rank", low=0, high=TIER_RANK_MAX)
        checked_entitlements(self.entitlements)
        checked_object(self.metadata, field="metadata")
        self._check_cadence()

    def _check_cadence(self) -> None:
        """Ranges of the cadence bind only recurring policies (lifecycles 4.1)."""
        bounds = {
            "renewal_period_days": (1, RENEWAL_PERIOD_DAYS_MAX),
            "grace_period_days": (0, GRACE_PERIOD_DAYS_MAX),
            "trial_days": (0, self.renewal_period_days),
        }
        unbound = (0, SECONDS_MAX // DAY_SECONDS)
        for field, range_if_recurring in bounds.items():
            low, high = range_if_recurring if self.is_recurring else unbound
            checked_range(getattr(self, field), field=field, low=low, high=high)

    @property
    def is_archived(self) -> bool:
        """Archived: no longer sold or renewed; licenses already issued are untouched."""
        return self.archived_at is not None

    @property
    def has_free_trial(self) -> bool:
        """A recurring tier whose first days cost nothing: bought without payment."""
        return self.is_recurring and self.trial_days > 0

    @property
    def highlighted(self) -> bool:
        """The operator marks this tier as the one to choose."""
        return isinstance(self.metadata, dict) and self.metadata.get("highlight") is True

    def archive(self, now: Instant) -> Self:
        """Take the tier off sale; archiving again stamps it anew (lifecycles 4.1)."""
        return msgspec.structs.replace(self, archived_at=now, updated_at=now)

    def unarchive(self, now: Instant) -> Self:
        """Put the tier back on sale."""
        return msgspec.structs.replace(self, archived_at=None, updated_at=now)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a license copies from its policy when it is issued. ``seconds`` 0 means perpetual."""

    seconds: int = 0
    grace_seconds: int = 0
    max_machines: int = 1
    is_trial: bool = False
    entitlements: tuple[str, ...] = ()

    def expires_at(self, now: Instant) -> Instant | None:
        """When a license issued now ends; None for a perpetual one."""
        return Instant(now + self.seconds) if self.seconds else None


PLAIN_TERMS = Terms()
"""Terms of a sale without any policy: perpetual, one seat, nothing else (lifecycles 4.2)."""


def terms_of_sale(policy: Policy | None) -> Terms:
    """Terms of a license issued for a purchase.

    A recurring tier always ends: after its trial, else after its duration, but not before the period
    that is paid (lifecycles 7.5, decisions 12).
    """
    if policy is None:
        return PLAIN_TERMS
    seconds = policy.duration_seconds
    if policy.has_free_trial:
        seconds = policy.trial_days * DAY_SECONDS
    elif policy.is_recurring:
        seconds = max(seconds, policy.renewal_period_days * DAY_SECONDS)
    return Terms(
        seconds=seconds,
        grace_seconds=policy.grace_seconds,
        max_machines=policy.max_machines,
        is_trial=policy.is_trial or policy.has_free_trial,
        entitlements=policy.entitlements,
    )


def terms_of_grant(policy: Policy | None) -> Terms:
    """Terms of a license an operator issues by hand: cadence and trial are ignored (lifecycles 2.4)."""
    if policy is None:
        return PLAIN_TERMS
    return Terms(
        seconds=policy.duration_seconds,
        grace_seconds=policy.grace_seconds,
        max_machines=policy.max_machines,
        is_trial=policy.is_trial,
        entitlements=policy.entitlements,
    )
