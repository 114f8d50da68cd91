"""The round over tips that have something to do: begin and pay reserved ones, follow the others.

Each by itself: one that cannot be dealt with does not keep the others waiting. Source: payments 13.
"""

from collections import Counter
from typing import Final

import structlog

from keysat_core.domain.tip import TipAttempt, TipStatus
from keysat_core.errors import KeysatError
from keysat_core.limits import TIPS_BATCH
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.tips.begin_tip import begin_tip
from keysat_core.use_cases.tips.list_tips import list_due_tips
from keysat_core.use_cases.tips.send_tip import follow_tip, send_tip
from keysat_http.leasing import Work

log = structlog.get_logger("keysat.ticks")

_ENDED: Final = frozenset({TipStatus.SENT, TipStatus.FAILED, TipStatus.SKIPPED})


def pay_tips(ports: Ports) -> Work:
    """Deal with the tips that are due, a bounded number of them."""
    tally: Counter[str] = Counter()
    for due in list_due_tips(limit=TIPS_BATCH, store=ports.store, clock=ports.clock):
        try:
            tip = _dealt_with(ports, due)
        except KeysatError as exc:
            log.warning("tip_not_dealt_with", tip=due.id, code=exc.code, problem=str(exc))
            tally["troubled"] += 1
            continue
        tally[str(tip.status) if tip else "gone"] += 1
        if tip is not None and tip.status in _ENDED:
            log.info("tip_ended", tip=tip.id, status=str(tip.status), detail=tip.detail)
    return Work(items=tally.total(), failed=tally["troubled"])


def has_due_tips(ports: Ports) -> bool:
    """Look whether there is anything to do, for a server that can do it."""
    return ports.lightning is not None and bool(
        list_due_tips(limit=1, store=ports.store, clock=ports.clock)
    )


def _dealt_with(ports: Ports, due: TipAttempt) -> TipAttempt | None:
    if due.status is TipStatus.PAYING:
        return follow_tip(
            due.id,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            providers=ports.providers,
        )
    if ports.lightning is None:
        return due
    begun = begin_tip(
        due.id,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        lightning=ports.lightning,
        btcpay=ports.btcpay,
    )
    if begun.tip is None or begun.payer is None:
        return begun.tip
    return send_tip(
        begun.tip,
        begun.payer,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        providers=ports.providers,
    )
