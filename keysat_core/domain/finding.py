"""What a look at the server found: how a thing is, and what to do about it."""

from enum import StrEnum

import msgspec


class Health(StrEnum):
    """How one thing is. ``SKIPPED``: it could not be looked at, because something else fails."""

    OK = "ok"
    WARNING = "warning"
    FAILING = "failing"
    SKIPPED = "skipped"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and what to do about it if anything."""

    health: Health
    text: str
    remedy: str | None = None


def ok(text: str) -> list[Finding]:
    """Give the finding that nothing is wrong."""
    return [Finding(health=Health.OK, text=text)]


def warning(text: str, remedy: str) -> Finding:
    """Give a finding that can wait."""
    return Finding(health=Health.WARNING, text=text, remedy=remedy)


def failing(text: str, remedy: str) -> Finding:
    """Give a finding that cannot."""
    return Finding(health=Health.FAILING, text=text, remedy=remedy)
