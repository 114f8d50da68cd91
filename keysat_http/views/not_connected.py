"""What is said when nothing was disconnected, of either kind of provider."""

from collections.abc import Sequence

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.limits import PROVIDERS_NAMED_MAX


def nothing_disconnected(
    noun: str,
    account_id: ProviderAccountId | None,
    connected: Sequence[ProviderAccount],
    *,
    chosen_with: str,
) -> str:
    """Say why: the id is of none, the default profile has none, or there is none at all.

    ``connected`` are those there are; ``chosen_with`` is how one of them is chosen.
    """
    if account_id is not None:
        return f"no connected {noun} has the id {account_id[:128]!r}"
    if not connected:
        return f"no {noun} was connected"
    named = ", ".join(f"{one.id} ({one.label})" for one in connected[:PROVIDERS_NAMED_MAX])
    more = len(connected) - PROVIDERS_NAMED_MAX
    return (
        f"the default merchant profile has no {noun}; choose one of those connected to other"
        f" profiles with {chosen_with}: {named}" + (f" and {more} more" if more > 0 else "")
    )
