"""Answers that say that something was done. Source: admin-api 2.4-2.7, B-15; decisions 10."""

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.listing import CascadeCounts


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """It is done. ``already``: nothing had to be, it was in this state before."""

    ok: bool
    already: str | UnsetType = UNSET


DONE = Done(ok=True)


def settled_invoices_warning(counts: CascadeCounts) -> str | UnsetType:
    """Say that records of money received are gone; nothing if none are."""
    if not counts.settled_invoices:
        return UNSET
    return f"{counts.settled_invoices} settled invoices were deleted; keep a backup for your books"
