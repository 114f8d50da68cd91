"""What a license may do at an instant, worked out from the events a subscriber was sent.

It follows the sheet by itself (lifecycles 8.4-8.7, 9.4) and asks no code of the product: what is paid
reaches to an instant, a tier gives its keys some days more, and a subscription its grace.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.support.simulation.violation import Violation
from tests.support.years.catalog import Tier


@dataclass(kw_only=True)
class Account:
    """One license. ``paid_until`` None: it is perpetual. ``state``: of its subscription, if any."""

    license_id: str
    tier: Tier
    state: str | None
    paid_until: int | None
    expires_at: int | None
    period: int
    grace: int
    is_stopped: bool = False

    def is_valid(self, now: int) -> bool:
        """Whether the license may be used."""
        if self.is_stopped:
            return False
        if self.tier.price == 0 and self.state == "active":
            # Its cycles cost nothing and follow one another in silence (lifecycles 8.2).
            return True
        return self.expires_at is None or now < self.expires_at + self.grace


class Oracle:
    """All licenses. ``tiers`` by the id of their policy."""

    def __init__(self, tiers: dict[str, Tier]) -> None:
        self._tiers = tiers
        self.accounts: dict[str, Account] = {}
        self._of_subscription: dict[str, str] = {}
        self.counts: dict[str, int] = {}

    def hear(self, event_type: str, told_at: int, data: dict[str, Any]) -> None:
        """Take one event, in the order in which they happened."""
        self.counts[event_type] = self.counts.get(event_type, 0) + 1
        match event_type:
            case "license.issued":
                self._issued(told_at, data)
            case "license.revoked":
                self.accounts[data["license_id"]].is_stopped = True
            case "license.tier_changed":
                self._changed(told_at, data)
            case "subscription.renewed":
                self._renewed(told_at, data)
            case "subscription.lapsed":
                self._lapsed(told_at, data)
            case "subscription.cancelled":
                self._cancelled(data)
            case _:
                pass

    def _issued(self, now: int, data: dict[str, Any]) -> None:
        tier = self._tiers[data["policy_id"]]
        seconds = tier.keys_days * 86_400
        first = 0
        if tier.is_recurring:
            first = tier.trial_days * 86_400 or tier.period
            seconds = first if tier.trial_days else max(first, seconds)
        account = Account(
            license_id=data["license_id"],
            tier=tier,
            state="active" if tier.is_recurring else None,
            paid_until=now + first if tier.is_recurring else None,
            expires_at=now + seconds if seconds else None,
            period=tier.period,
            grace=tier.grace,
        )
        self.accounts[account.license_id] = account
        told = data["expires_at"]
        if account.expires_at != (None if told is None else seconds_of(told)):
            raise Violation(f"license {account.license_id} was issued until {told}")

    def _renewed(self, now: int, data: dict[str, Any]) -> None:
        account = self.accounts[data["license_id"]]
        start, end = seconds_of(data["cycle_start_at"]), seconds_of(data["cycle_end_at"])
        paid_until = account.paid_until or 0
        expected = now if account.state == "lapsed" else paid_until
        if start < expected or (start > expected and start - expected <= account.period):
            raise Violation(f"a cycle of {account.license_id} begins {start - expected} s off")
        if end - start != account.period:
            raise Violation(f"a cycle of {account.license_id} lasts {end - start} s")
        if account.state == "lapsed":
            account.state = "active"
            account.grace = account.tier.grace
        account.paid_until = end
        if account.expires_at is not None:
            account.expires_at = max(account.expires_at, end + account.tier.slack)

    def _lapsed(self, now: int, data: dict[str, Any]) -> None:
        account = self.accounts[data["license_id"]]
        ends = (account.paid_until or 0) + account.tier.grace_days * 86_400
        if now < ends:
            raise Violation(f"{account.license_id} lapsed {ends - now} s too early")
        account.state, account.grace = "lapsed", 0
        account.expires_at = min(now, account.expires_at or now)

    def _cancelled(self, data: dict[str, Any]) -> None:
        account = self.accounts[data["license_id"]]
        if account.state not in {"active", "past_due"}:
            raise Violation(f"{account.license_id} was {account.state} when it was cancelled")
        account.state = "cancelled"
        account.grace = account.tier.grace_seconds

    def _changed(self, now: int, data: dict[str, Any]) -> None:
        account = self.accounts[data["license_id"]]
        before, tier = account.tier, self._tiers[data["to_policy_id"]]
        is_live = account.state == "active"
        account.tier = tier
        if not tier.is_recurring:
            seconds = tier.keys_days * 86_400
            account.state = "cancelled" if account.state else None
            account.expires_at = now + seconds if seconds else None
            account.grace = tier.grace_seconds
            return
        if not (is_live and before.days == tier.days):
            account.paid_until = now + tier.period
        account.state, account.period, account.grace = "active", tier.period, tier.grace
        account.expires_at = max(now, account.paid_until or now) + tier.slack


def seconds_of(text: str) -> int:
    """Read an instant as it is written in an event."""
    return int(datetime.fromisoformat(text).timestamp())
