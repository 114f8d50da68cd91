"""The ticks of the server itself: its own license, and what it says to the community."""

from typing import Final

import msgspec
import structlog

from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.community import has_heartbeat, plan_heartbeat
from keysat_core.use_cases.server.self_license import reload_self_license
from keysat_http.leasing import Work
from keysat_http.ticks import Tick

OWN_LICENSE_SECONDS: Final = 60
"""How often the own license is looked at: one small file, one signature and one row. Lifecycles 12 asks
for once an hour at least; a key activated by a command is noticed sooner so."""

FIRST_HEARTBEAT_SECONDS: Final = 300
"""Source: lifecycles 12."""

log = structlog.get_logger("keysat.ticks")


def server_ticks(ports: Ports, *, version: str, started_at: Instant) -> list[Tick]:
    """Declare them. Each process knows its own license for itself; one sends for all."""
    return [
        Tick(
            name="self_license",
            first_after_seconds=OWN_LICENSE_SECONDS,
            every_seconds=OWN_LICENSE_SECONDS,
            run=lambda: _look_at_own_license(ports),
        ),
        Tick(
            name="community_heartbeat",
            first_after_seconds=FIRST_HEARTBEAT_SECONDS,
            every_seconds=DAY_SECONDS,
            run=lambda: _say_heartbeat(ports, version, started_at),
            is_shared=True,
            has_work=lambda: has_heartbeat(store=ports.store),
        ),
    ]


def _look_at_own_license(ports: Ports) -> int:
    before = ports.self_license
    reload_self_license(store=ports.store, clock=ports.clock, self_licenses=ports.self_licenses)
    after = ports.self_license
    if before == after:
        return 0
    log.warning("self_license_changed", tier_before=before.tier, tier=after.tier)
    return 1


def _say_heartbeat(ports: Ports, version: str, started_at: Instant) -> Work:
    planned = plan_heartbeat(
        version=version,
        started_at=started_at,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        self_license=ports.self_license,
    )
    if planned is None or ports.webhooks is None:
        return Work()
    body = msgspec.json.encode(planned.heartbeat)
    reply = ports.webhooks.send(planned.url, {"content-type": "application/json"}, body)
    if reply.is_accepted:
        return Work(items=1)
    # There is one a day, and nobody misses one: the next comes in its time.
    log.warning("community_heartbeat_failed", status=reply.status_code)
    return Work(failed=1)
