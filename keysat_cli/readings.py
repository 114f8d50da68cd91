"""What the metrics page reads of the adapters."""

from pathlib import Path
from typing import Final

import structlog

from keysat_adapters.sqlite.activity_file import activity_path
from keysat_cli.wiring import Wiring
from keysat_core.domain.tallies import ShopTallies
from keysat_core.errors import ServerFault
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store
from keysat_core.use_cases.connections.show_providers import list_account_health
from keysat_core.use_cases.webhooks.list_deliveries import count_deliveries
from keysat_http.meters import ProviderReading, Readings

SHOWN_ID_CHARS: Final = 8
"""How much of a provider's id is shown: the whole is in the address its webhooks come to."""

log = structlog.get_logger("keysat.cli")


def count_shop(store: Store, clock: Clock) -> ShopTallies | None:
    """Count everything, a few rows each (migration 13); None if the database cannot be read."""
    try:
        with store.reading() as tx:
            return tx.tallies.count_all(clock.now())
    except ServerFault as exc:
        log.warning("tallies_not_counted", code=exc.code, problem=str(exc))
        return None


def read(wiring: Wiring) -> Readings:
    """Read everything the adapters count."""
    ports = wiring.ports
    counts = count_deliveries(store=ports.store, clock=ports.clock)
    return Readings(
        validations_queued=wiring.activity.validations.queued_count,
        validations_dropped=wiring.activity.validations.dropped_count,
        store_busy=wiring.store.busy_count,
        deliveries_queued=sum(one.queued for one in counts),
        deliveries_dead=sum(one.dead for one in counts),
        providers=_providers(ports.store, ports.clock),
        tallies=count_shop(ports.store, ports.clock),
        file_bytes=file_bytes(Path(wiring.store.path)),
    )


def file_bytes(database: Path) -> dict[str, int]:
    """Give the sizes of the files of a database, by what they are; those that are there."""
    files = {
        "main": database,
        "wal": database.with_name(f"{database.name}-wal"),
        "activity": Path(activity_path(database)),
    }
    return {name: path.stat().st_size for name, path in files.items() if path.is_file()}


def _providers(store: Store, clock: Clock) -> tuple[ProviderReading, ...]:
    return tuple(
        ProviderReading(
            name=one.account.id[:SHOWN_ID_CHARS],
            kind=one.account.kind,
            is_well=one.state in {"ok", "unknown"},
            has_webhook=one.trouble is None,
            failures=one.health.failures,
            last_ok_at=one.health.last_ok_at or 0,
        )
        for one in list_account_health(store=store, clock=clock)
    )
