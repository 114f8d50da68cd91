"""What the metrics page reads of the adapters, so that no scrape waits for a count of many rows."""

from pathlib import Path
from threading import Lock, Thread
from typing import Final

import structlog

from keysat_adapters.sqlite.activity_file import activity_path
from keysat_cli.wiring import Wiring
from keysat_core.domain.instant import Instant
from keysat_core.domain.tallies import ShopTallies
from keysat_core.errors import ServerFault
from keysat_core.ports.clock import Clock
from keysat_core.ports.store import Store
from keysat_core.use_cases.connections.show_providers import list_account_health
from keysat_core.use_cases.webhooks.list_deliveries import count_deliveries
from keysat_http.meters import ProviderReading, Readings

TALLIES_SECONDS: Final = 30
"""How old a count may be. With a million rows of each it takes a few tenths of a second."""

SHOWN_ID_CHARS: Final = 8
"""How much of a provider's id is shown: the whole is in the address its webhooks come to."""

log = structlog.get_logger("keysat.cli")


class RememberedTallies:
    """Counts in a thread of its own when somebody asks and the last count is old.

    Who asks is given the last count: the one who asks first gets none, and waits for nothing.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = Lock()
        self._counted: ShopTallies | None = None
        self._counted_at: Instant | None = None
        self._thread: Thread | None = None

    def latest(self) -> ShopTallies | None:
        """Give the last count, and see to it that the next caller is given a young one."""
        now = self._clock.now()
        with self._lock:
            is_old = self._counted_at is None or abs(now - self._counted_at) >= TALLIES_SECONDS
            if is_old and (self._thread is None or not self._thread.is_alive()):
                self._thread = Thread(target=self._count, name="tallies", daemon=True)
                self._thread.start()
            return self._counted

    def wait(self) -> None:
        """Wait for a count under way."""
        if self._thread is not None:
            self._thread.join()

    def _count(self) -> None:
        now = self._clock.now()
        try:
            with self._store.reading() as tx:
                counted = tx.tallies.count_all(now)
        except ServerFault as exc:
            log.warning("tallies_not_counted", code=exc.code, problem=str(exc))
            return
        with self._lock:
            self._counted, self._counted_at = counted, now


def read(wiring: Wiring, tallies: RememberedTallies) -> Readings:
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
        tallies=tallies.latest(),
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
