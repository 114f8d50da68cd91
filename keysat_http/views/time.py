"""Times that may be missing."""

from keysat_core.domain.instant import Instant, rfc3339


def time_or_none(instant: Instant | None) -> str | None:
    """Spell an instant as RFC 3339, or leave out that there is one."""
    return None if instant is None else rfc3339(instant)
