"""Giving back uses of codes that are held by sales nobody can pay any more."""

import structlog

from keysat_core.domain.ids import RedemptionId
from keysat_core.errors import KeysatError
from keysat_core.limits import CODE_SLOTS_BATCH
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.codes.free_slots import free_slot, list_held_slots
from keysat_http.leasing import Work
from keysat_http.rounds import shown

log = structlog.get_logger("keysat.ticks")


def free_slots(ports: Ports) -> Work:
    """Look at every use that may have to be given back, a batch at most."""
    held = list_held_slots(CODE_SLOTS_BATCH, store=ports.store, clock=ports.clock)
    failed = 0
    for redemption_id in held:
        failed += not _free(ports, redemption_id)
    if held:
        log.info("code_slots_freed", freed=len(held) - failed, failed=failed)
    return Work(items=len(held) - failed, failed=failed)


def _free(ports: Ports, redemption_id: RedemptionId) -> bool:
    try:
        free_slot(redemption_id, store=ports.store, clock=ports.clock, ids=ports.ids)
    except KeysatError as exc:
        log.warning(
            "code_slot_not_freed",
            redemption=shown(redemption_id),
            code=exc.code,
            problem=str(exc),
        )
        return False
    return True
