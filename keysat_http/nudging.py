"""Unsigned webhooks: how often they may make us ask a provider, and doing so.

Whoever knows an invoice's id at its provider can send them, in any number. Source: payments 7.4.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from math import ceil
from threading import Lock
from typing import Final

import msgspec

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.receipt import WebhookReceipt
from keysat_core.limits import NUDGE_ORDER_SECONDS, NUDGED_ORDERS_MAX, NUDGES_PER_MINUTE
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.note_webhook import Nudge, keep_nudge

RECEIPTS_PACE_SECONDS: Final = 5
"""How late a look may be that is left to the tick over receipts."""

_MINUTE: Final = 60.0


class _Known(msgspec.Struct, kw_only=True):
    """An invoice that was nudged. No look may begin before ``busy_until``.

    Whatever arrives before ``covered_until`` is seen by a look that is to come.
    """

    covered_until: float
    busy_until: float


class NudgeLimiter:
    """Decides what becomes of a nudge. One per application; what it knows is lost with it.

    ``read_time`` gives seconds that never run backwards.
    """

    def __init__(self, read_time: Callable[[], float]) -> None:
        self._read_time = read_time
        self._lock = Lock()
        self._looks: dict[ProviderAccountId, deque[float]] = {}
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def wait_of(self, nudge: Nudge) -> int | None:
        """Give after how many seconds to look; None: not because of this nudge.

        A nudge too soon after a look is answered by a single later one, because the second of two
        events is often the one that says something.
        """
        with self._lock:
            now = self._read_time()
            known = self._known.get(nudge.invoice_id) or _Known(covered_until=now, busy_until=now)
            if now < known.covered_until or not self._has_room(nudge.account_id, now):
                return None
            wait = max(0.0, known.busy_until - now)
            at = now + wait
            known.covered_until = at
            known.busy_until = at + NUDGE_ORDER_SECONDS + (RECEIPTS_PACE_SECONDS if wait else 0)
            self._known[nudge.invoice_id] = known
            self._known.move_to_end(nudge.invoice_id)
            if len(self._known) > NUDGED_ORDERS_MAX:
                self._known.popitem(last=False)
            self._looks[nudge.account_id].append(now)
            return ceil(wait)

    def _has_room(self, account_id: ProviderAccountId, now: float) -> bool:
        looks = self._looks.setdefault(account_id, deque())
        while looks and now - looks[0] >= _MINUTE:
            looks.popleft()
        return len(looks) < NUDGES_PER_MINUTE


def keep(ports: Ports, nudge: Nudge, wait_seconds: int) -> WebhookReceipt:
    """Keep a nudge; whatever becomes of a look because of it, a tick makes it up."""
    return keep_nudge(
        nudge, wait_seconds=wait_seconds, store=ports.store, clock=ports.clock, ids=ports.ids
    )
