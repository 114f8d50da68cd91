"""Use cases as a test of all of them looks at them."""

from collections.abc import Callable
from typing import Any

import msgspec

from keysat_core.domain.actor import Scope
from tests.support.trade import Trade

Arguments = tuple[list[Any], dict[str, Any]]


class Command(msgspec.Struct, frozen=True):
    """A use case, the scope it asks for, and what it is given beside the actor and the store."""

    use_case: Callable[..., object]
    scope: Scope | None
    given: Callable[[Trade], Arguments]
    is_told: bool = True
    audits: int = 1
    events: int = 1


def ports(trade: Trade) -> dict[str, Any]:
    return {"clock": trade.clock, "ids": trade.ids}
