"""What is to go wrong, decided call by call: by rules in order, or by whoever throws the dice.

The plan only chooses. ``call_faults.perform`` spoils an answer to a call; how a delivery is spoiled
is up to the double, for it knows its own queue and signature.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

import msgspec

ANY = "*"
"""Matches every operation or every event type."""


class Answer(msgspec.Struct, frozen=True, tag=True):
    """Answer this instead, without doing the work. The body is JSON unless it is bytes."""

    status: int
    body: object = None
    content_type: str = "application/json"


class Timeout(msgspec.Struct, frozen=True, tag=True):
    """Never answer; with ``after_acting`` the work is done first."""

    after_acting: bool = False


class Cut(msgspec.Struct, frozen=True, tag=True):
    """Break the connection; with ``after_acting`` the work is done first."""

    after_acting: bool = False


class Unreachable(msgspec.Struct, frozen=True, tag=True):
    """Take no connection. On a port, where one was already taken, it is cut."""


class Html(msgspec.Struct, frozen=True, tag=True):
    """Do the work and answer a proxy's page."""

    status: int = 200


class Truncate(msgspec.Struct, frozen=True, tag=True):
    """Do the work and answer half of the JSON."""


class DropField(msgspec.Struct, frozen=True, tag=True):
    """Do the work and leave a field out of the answer (of each item when it is an array)."""

    name: str


class ReplaceField(msgspec.Struct, frozen=True, tag=True):
    """Do the work and give a field, old or new, another value (of each item of an array)."""

    name: str
    value: object


class StaleRead(msgspec.Struct, frozen=True, tag=True):
    """Answer a read from before the last change, if that is at most so many seconds old."""

    seconds: int = 60


CallAction: TypeAlias = (
    Answer | Timeout | Cut | Unreachable | Html | Truncate | DropField | ReplaceField | StaleRead
)


class DropDelivery(msgspec.Struct, frozen=True, tag=True):
    """Never send this attempt, nor any retry of it, and note it nowhere."""


class LoseAnswer(msgspec.Struct, frozen=True, tag=True):
    """Send it and take the answer for lost, so that it is retried."""


class RefuseConnection(msgspec.Struct, frozen=True, tag=True):
    """Fail to send this attempt, so that it is retried."""


class DuplicateDelivery(msgspec.Struct, frozen=True, tag=True):
    """Send the same bytes so many times in all, one after the other or all at once."""

    times: int = 2
    is_concurrent: bool = False


class DelayDelivery(msgspec.Struct, frozen=True, tag=True):
    """Send it so many seconds later; what is queued behind it waits too."""

    seconds: int


class Redeliver(msgspec.Struct, frozen=True, tag=True):
    """Send it, and send it again later as a redelivery by hand."""

    after_seconds: int = 0


class SignatureFlaw(StrEnum):
    """How a signature is wrong."""

    WRONG_SECRET = "wrong_secret"  # noqa: S105 - the name of a flaw
    MISSING_HEADER = "missing_header"
    SHA1_PREFIX = "sha1_prefix"
    NOT_HEX = "not_hex"
    TRUNCATED = "truncated"
    RESERIALIZED_BODY = "reserialized_body"
    EMPTY_KEY = "empty_key"


class BadSignature(msgspec.Struct, frozen=True, tag=True):
    """Sign this attempt wrongly."""

    flaw: SignatureFlaw = SignatureFlaw.WRONG_SECRET


DeliveryAction: TypeAlias = (
    DropDelivery
    | LoseAnswer
    | RefuseConnection
    | DuplicateDelivery
    | DelayDelivery
    | Redeliver
    | BadSignature
)

ActionT = TypeVar("ActionT")


class Rule(Generic[ActionT]):
    """One line of the plan: from the nth match on, so many times."""

    __slots__ = ("action", "count", "match", "nth", "seen", "used")

    def __init__(self, match: str, action: ActionT, nth: int, count: int | None) -> None:
        self.match = match
        self.action = action
        self.nth = nth
        self.count = count
        self.seen = 0
        self.used = 0

    def __repr__(self) -> str:
        often = "always" if self.count is None else f"{self.count} times"
        return (
            f"Rule({self.match}: {self.action!r}, from match {self.nth}, {often}, used {self.used})"
        )

    def take(self) -> bool:
        """Count one match and say whether the action applies to it."""
        self.seen += 1
        if self.seen < self.nth or (self.count is not None and self.used >= self.count):
            return False
        self.used += 1
        return True


Chooser: TypeAlias = Callable[[str], ActionT | None]


class FaultPlan:
    """Rules in order, then the choosers. The double calls it under its own lock.

    Args:
        choose_call: Asked with the operation when no rule applies.
        choose_delivery: Asked with the event type when no rule applies.
    """

    def __init__(
        self,
        *,
        choose_call: Chooser[CallAction] | None = None,
        choose_delivery: Chooser[DeliveryAction] | None = None,
    ) -> None:
        self.choose_call = choose_call
        self.choose_delivery = choose_delivery
        self._call_rules: list[Rule[CallAction]] = []
        self._delivery_rules: list[Rule[DeliveryAction]] = []

    def on_call(
        self, operation: str, action: CallAction, *, nth: int = 1, count: int | None = 1
    ) -> None:
        """Spoil calls of an operation, or of ``ANY``: from the nth on, ``count`` times or always.

        Rules are asked in order; a later one counts only the calls that earlier ones let pass.
        """
        self._call_rules.append(Rule(operation, action, nth, count))

    def on_delivery(
        self, event_type: str, action: DeliveryAction, *, nth: int = 1, count: int | None = 1
    ) -> None:
        """Spoil attempts to deliver an event type, or ``ANY``."""
        self._delivery_rules.append(Rule(event_type, action, nth, count))

    def for_call(self, operation: str) -> CallAction | None:
        """Choose what happens to this call."""
        return _chosen(operation, self._call_rules, self.choose_call)

    def for_delivery(self, event_type: str) -> DeliveryAction | None:
        """Choose what happens to this attempt."""
        return _chosen(event_type, self._delivery_rules, self.choose_delivery)

    def unused(self) -> list[str]:
        """List the rules that never came to act; a test that ends with one tested nothing."""
        rules: list[Rule[CallAction] | Rule[DeliveryAction]] = [
            *self._call_rules,
            *self._delivery_rules,
        ]
        return [repr(rule) for rule in rules if not rule.used]

    def clear(self) -> None:
        """Let everything behave from now on."""
        self.choose_call = self.choose_delivery = None
        self._call_rules.clear()
        self._delivery_rules.clear()


def _chosen(
    name: str, rules: list[Rule[ActionT]], choose: Chooser[ActionT] | None
) -> ActionT | None:
    for rule in rules:
        if rule.match in (name, ANY) and rule.take():
            return rule.action
    return choose(name) if choose is not None else None
