"""What buyers and operators ask for when they change the tier of a license (decisions 8 and 16)."""

import msgspec

from keysat_core.domain.ids import LicenseId
from keysat_core.domain.text import checked_text
from keysat_core.domain.tier_quote import NEXT_CYCLE
from keysat_core.domain.web_address import checked_redirect
from keysat_core.errors import InvariantError
from keysat_core.limits import SLUG_CHARS_MAX

AT_ONCE = "now"
"""``apply_at`` of a change that does not wait; the usual one."""


class UpgradeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A buyer's wish, proved by the license key. ``apply_at``: ``now`` or ``next_cycle``."""

    license_key: str
    target_slug: str
    redirect_url: str | None = None
    apply_at: str | None = None


class ChangeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's wish. ``apply_at`` as in a buyer's; ``reason`` is kept with the change."""

    license_id: LicenseId
    target_slug: str
    reason: str | None = None
    apply_at: str | None = None


def checked_target(slug: str, *, field: str) -> str:
    """Accept the slug of a tier as it may be looked up.

    Raises:
        InvariantError: blank, or text that cannot be stored.
    """
    return checked_text(
        slug[: SLUG_CHARS_MAX + 1], field=field, chars_max=SLUG_CHARS_MAX + 1, required=True
    )


def checked_return(url: str | None) -> str | None:
    """Accept where a buyer goes after paying; blank is absent.

    Raises:
        InvariantError: no browser should be led there.
    """
    return checked_redirect(url, field="redirect_url") if url else None


def is_waiting(apply_at: str | None) -> bool:
    """Read ``apply_at``; blank is ``now``.

    Raises:
        InvariantError: it is neither ``now`` nor ``next_cycle``.
    """
    if apply_at == NEXT_CYCLE:
        return True
    if not apply_at or apply_at == AT_ONCE:
        return False
    raise InvariantError("apply_at", f"must be {AT_ONCE} or {NEXT_CYCLE}")
