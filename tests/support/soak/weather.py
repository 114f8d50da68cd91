"""What goes wrong between us and BTCPay, and how often: each seed draws a weather of its own."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Final, TypeVar

import msgspec

from tests.simulators.fault_plan import (
    Answer,
    BadSignature,
    CallAction,
    Cut,
    DelayDelivery,
    DeliveryAction,
    DropDelivery,
    DropField,
    DuplicateDelivery,
    Html,
    LoseAnswer,
    Redeliver,
    RefuseConnection,
    ReplaceField,
    SignatureFlaw,
    StaleRead,
    Timeout,
    Truncate,
)

Action = TypeVar("Action")

MOODS: Final = (0.0, 0.3, 1.0, 3.0)
"""How much each kind of fault is turned up or down for a seed."""

FAIR_CHANCE: Final = 0.05
"""Seeds without any fault between us and BTCPay: there, nothing may be put down to one."""

SILENCE_CHANCE: Final = 0.15
"""Seeds in which no webhook ever arrives: the reconciler alone must do (payments 10)."""


class Chances(msgspec.Struct, frozen=True, kw_only=True):
    """How often anything goes wrong: with one call, with one delivery, at one step of a process."""

    call: float
    delivery: float
    step: float


ORDINARY: Final = Chances(call=0.04, delivery=0.10, step=1 / 300)
STORM: Final = Chances(call=0.25, delivery=0.35, step=1 / 25)
"""Weather in which hardly anything succeeds at once: for few purchases, which show more then."""

STEP_FAULTS: Final[Mapping[str, float]] = {"death": 1.0, "interlude": 4.0, "store_busy": 1.0}

CALL_FAULTS: Final[Mapping[str, Callable[[Random], CallAction]]] = {
    "call_5xx": lambda rng: Answer(status=rng.choice((500, 502, 503, 504)), body=b"oops"),
    "call_429": lambda _: Answer(status=429, body={"code": "throttled", "message": "later"}),
    "call_4xx": lambda rng: Answer(status=rng.choice((400, 401, 403, 404, 422)), body=b"<html>"),
    "call_timeout": lambda _: Timeout(),
    "call_timeout_after_acting": lambda _: Timeout(after_acting=True),
    "call_cut": lambda _: Cut(),
    "call_cut_after_acting": lambda _: Cut(after_acting=True),
    "call_html": lambda rng: Html(status=rng.choice((200, 502))),
    "call_truncated": lambda _: Truncate(),
    "call_field_missing": lambda rng: DropField(name=rng.choice(("id", "status", "checkoutLink"))),
    "call_field_unknown": lambda _: ReplaceField(name="status", value="Frozen"),
    "call_stale": lambda rng: StaleRead(seconds=rng.choice((60, 3_600))),
}

DELIVERY_FAULTS: Final[Mapping[str, Callable[[Random], DeliveryAction]]] = {
    "webhook_lost": lambda _: DropDelivery(),
    "webhook_answer_lost": lambda _: LoseAnswer(),
    "webhook_refused": lambda _: RefuseConnection(),
    "webhook_doubled": lambda rng: DuplicateDelivery(times=rng.randint(2, 4)),
    "webhook_delayed": lambda rng: DelayDelivery(seconds=rng.choice((3, 20, 90, 900))),
    "webhook_again": lambda rng: Redeliver(after_seconds=rng.choice((0, 60, 7_200, 90_000))),
    "webhook_unsigned": lambda rng: BadSignature(flaw=rng.choice(list(SignatureFlaw))),
}

FAULTS: Final = (*STEP_FAULTS, *CALL_FAULTS, *DELIVERY_FAULTS)


class _Draw(msgspec.Struct, kw_only=True):
    """One kind of place where faults strike: how likely any does, and which."""

    chance: float
    names: list[str]
    weights: list[float]


class Weather:
    """Decides what strikes where. ``is_hushed``: nothing does any more. ``struck`` counts."""

    def __init__(self, seed: int, chances: Chances = ORDINARY) -> None:
        self._rng = Random(f"weather {seed}")  # noqa: S311  the seed is the point
        self.is_hushed = False
        self.is_down = False
        self.struck: dict[str, int] = {}
        kind = self._rng.random()
        self.is_fair = kind < FAIR_CHANCE
        self.is_silent = FAIR_CHANCE <= kind < FAIR_CHANCE + SILENCE_CHANCE
        self._steps = self._draw(dict(STEP_FAULTS), chances.step)
        self._calls = self._draw(dict.fromkeys(CALL_FAULTS, 1.0), chances.call)
        self._deliveries = self._draw(dict.fromkeys(DELIVERY_FAULTS, 1.0), chances.delivery)

    def strikes(self, name: str, chance: float) -> bool:
        """Draw for something with a chance of its own."""
        if self.is_hushed or self.is_fair or self._rng.random() >= chance:
            return False
        self._count(name)
        return True

    def steps_until_next(self) -> int:
        """Draw how many steps a process makes until something happens to it."""
        if self.is_fair or not self._steps.chance:
            return 1_000_000_000
        return 1 + int(self._rng.expovariate(self._steps.chance))

    def at_step(self) -> str:
        """Draw what happens to a process at such a step."""
        return self._which(self._steps)

    def at_call(self, _operation: str) -> CallAction | None:
        """Draw for a call to BTCPay, as ``FaultPlan.choose_call``."""
        if self.is_down:
            return Cut()
        if self._rng.random() >= self._calls.chance:
            return None
        return CALL_FAULTS[self._which(self._calls)](self._rng)

    def at_delivery(self, _event_type: str) -> DeliveryAction | None:
        """Draw for an attempt to deliver a webhook, as ``FaultPlan.choose_delivery``."""
        if self.is_silent:
            return DropDelivery()
        if self._rng.random() >= self._deliveries.chance:
            return None
        return DELIVERY_FAULTS[self._which(self._deliveries)](self._rng)

    def _draw(self, weights: Mapping[str, float], chance: float) -> _Draw:
        moods = {name: weight * self._rng.choice(MOODS) for name, weight in weights.items()}
        total = sum(moods.values())
        share = 0.0 if self.is_fair else total / sum(weights.values())
        return _Draw(chance=chance * share, names=list(moods), weights=list(moods.values()))

    def _which(self, draw: _Draw) -> str:
        (name,) = self._rng.choices(draw.names, draw.weights)
        self._count(name)
        return name

    def _count(self, name: str) -> None:
        self.struck[name] = self.struck.get(name, 0) + 1
