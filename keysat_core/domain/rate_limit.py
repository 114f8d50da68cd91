"""Token buckets: how often one caller may do one thing (lifecycles 14.2, public-api 3).

Tokens are counted in whole units of 1/``refill_seconds`` token, so that no float is needed: one
second refills ``refill_tokens`` units and a request costs ``refill_seconds`` units.
"""

from typing import Final

import msgspec

from keysat_core.domain.instant import Instant


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of bucket: ``capacity`` requests at once, ``refill_tokens`` more per ``refill_seconds``."""

    kind: str
    capacity: int
    refill_tokens: int
    refill_seconds: int

    @property
    def units_max(self) -> int:
        """A full bucket, in units."""
        return self.capacity * self.refill_seconds


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """What is left for one caller at an instant, in units."""

    units: int
    refilled_at: Instant


VALIDATE: Final = Allowance(kind="validate_ip", capacity=60, refill_tokens=1, refill_seconds=1)
HEARTBEAT: Final = Allowance(
    kind="heartbeat_license", capacity=60, refill_tokens=1, refill_seconds=60
)
PURCHASE: Final = Allowance(kind="purchase_ip", capacity=20, refill_tokens=1, refill_seconds=3)
MACHINES: Final = Allowance(kind="machines_ip", capacity=60, refill_tokens=1, refill_seconds=1)
REDEEM: Final = Allowance(kind="redeem_ip", capacity=20, refill_tokens=1, refill_seconds=3)
PREVIEW: Final = Allowance(kind="preview_ip", capacity=20, refill_tokens=1, refill_seconds=3)
"""Asking what a code would take off; whoever asks may still redeem it (public-api 3)."""
UPGRADE: Final = Allowance(kind="upgrade_ip", capacity=20, refill_tokens=1, refill_seconds=3)
UPGRADE_QUOTE: Final = Allowance(
    kind="upgrade_quote_ip", capacity=60, refill_tokens=1, refill_seconds=1
)
CANCEL: Final = Allowance(
    kind="subscription_cancel_ip", capacity=60, refill_tokens=1, refill_seconds=1
)
RECOVER: Final = Allowance(kind="recover_ip", capacity=10, refill_tokens=1, refill_seconds=6)
POLL: Final = Allowance(kind="poll_ip", capacity=240, refill_tokens=4, refill_seconds=1)
"""Polls: above the 120 a minute that waiting clients of one household may need (public-api 3)."""

WEB_LOGIN: Final = Allowance(kind="web_login", capacity=5, refill_tokens=1, refill_seconds=180)
"""Attempts to sign in from one address, good ones too (admin-api 1.4)."""

WEB_LOGINS: Final = Allowance(kind="web_logins", capacity=100, refill_tokens=1, refill_seconds=10)
"""Attempts from everywhere (admin-api B-03): whoever has many addresses tries 8 640 words a day."""

ALLOWANCES: Final = (
    VALIDATE,
    HEARTBEAT,
    PURCHASE,
    MACHINES,
    REDEEM,
    PREVIEW,
    UPGRADE,
    UPGRADE_QUOTE,
    CANCEL,
    RECOVER,
    POLL,
    WEB_LOGIN,
    WEB_LOGINS,
)


CLOCK_STEP_SECONDS: Final = 60
"""A bucket further ahead was filled by a clock that was wrong then: it must not wait for it."""


def take(bucket: Bucket | None, allowance: Allowance, *, now: Instant) -> tuple[bool, Bucket]:
    """Ask for one token. A denied request costs nothing; a clock step back refills nothing."""
    units = allowance.units_max
    refilled_at = now
    if bucket is not None:
        elapsed = max(0, now - bucket.refilled_at)
        units = min(units, bucket.units + elapsed * allowance.refill_tokens)
        is_ahead = bucket.refilled_at - now > CLOCK_STEP_SECONDS
        refilled_at = now if is_ahead else max(now, bucket.refilled_at)
    allowed = units >= allowance.refill_seconds
    left = units - allowance.refill_seconds if allowed else units
    return allowed, Bucket(units=left, refilled_at=Instant(refilled_at))


def seconds_until_next(bucket: Bucket, allowance: Allowance) -> int:
    """How long until a bucket that denied has a token again; at least 1."""
    missing = allowance.refill_seconds - bucket.units
    return max(1, -(-missing // allowance.refill_tokens))
