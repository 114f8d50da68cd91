"""Changes of a license's tier, as records (lifecycles 9.3)."""

from enum import StrEnum

import msgspec

from keysat_core.domain.ids import InvoiceId, LicenseId, PolicyId, TierChangeId
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Money


class Direction(StrEnum):
    """Up or down the ladder."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"


class ChangeActor(StrEnum):
    """Who asked for a change."""

    BUYER = "buyer"
    ADMIN = "admin"


class TierChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change. ``charge`` is what it costs now; ``invoice_id`` None: nothing, or it was given.

    ``applied_at`` None: it waits for its invoice, or for ``effective_at``. ``withdrawn_at``: its
    invoice ended unpaid or another change took its place; paid after all it is applied nevertheless.
    ``from_policy_id`` is the target's own for a license that had no policy (D27).
    """

    id: TierChangeId
    license_id: LicenseId
    from_policy_id: PolicyId
    to_policy_id: PolicyId
    direction: Direction
    charge: Money
    invoice_id: InvoiceId | None = None
    effective_at: Instant
    actor: ChangeActor
    reason: str | None = None
    created_at: Instant
    applied_at: Instant | None = None
    withdrawn_at: Instant | None = None

    @property
    def is_open(self) -> bool:
        """It may still come to pass by itself."""
        return self.applied_at is None and self.withdrawn_at is None
