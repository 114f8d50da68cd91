"""Heartbeats: when machines were last seen, queued in memory and written to the activity file."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from keysat_adapters.sqlite.activity_file import ActivityFile
from keysat_adapters.sqlite.session import Row
from keysat_adapters.sqlite.table import Table, json_text
from keysat_core.domain.activity import Heartbeat
from keysat_core.domain.ids import MachineId
from keysat_core.domain.instant import Instant
from keysat_core.errors import StoreBusy, StoreUnavailable
from keysat_core.limits import HEARTBEAT_SECONDS

MACHINES_MAX: Final = 100_000
"""Machines queued, or remembered as seen in this minute: about 20 MB. Beyond it the oldest are lost."""

FLUSH_MACHINES: Final = 8_192
"""Queued machines that are written before their time."""

HEARTBEATS: Final = Table("heartbeats", ("machine_id", "seen_at", "ip"))
# One statement for all rows: each costs its thread one wait for the interpreter's lock. In the order
# of the table, because machines' ids are random and rows of one page are then written together.
_PUT: Final = (
    "INSERT INTO heartbeats (machine_id, seen_at, ip)"
    " SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)"
    " WHERE true ORDER BY 1"
    " ON CONFLICT (machine_id) DO UPDATE SET"
    " seen_at = max(seen_at, excluded.seen_at), ip = coalesce(excluded.ip, ip)"
)
_LIST: Final = HEARTBEATS.select("ORDER BY machine_id LIMIT ?")
_OF_MACHINES: Final = HEARTBEATS.select("WHERE machine_id IN (SELECT value FROM json_each(?))")
_FORGET: Final = (
    "DELETE FROM heartbeats WHERE (machine_id, seen_at) IN"
    " (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
)


class SQLiteHeartbeats:
    """Implements ``ports.activity.Heartbeats``; threads share it.

    ``problem`` says what was wrong with the last flush, None if nothing.
    """

    def __init__(self, file: ActivityFile) -> None:
        self.problem: str | None = None
        self._file = file
        self._queue: OrderedDict[MachineId, Heartbeat] = OrderedDict()
        self._minute = -1
        self._seen_this_minute: set[MachineId] = set()
        self._lock = threading.Lock()
        self._flush_lock = threading.Lock()

    @property
    def queued_count(self) -> int:
        """How many machines wait to be written."""
        return len(self._queue)

    def note(self, machine_id: MachineId, now: Instant, ip: str | None) -> None:
        """Queue that a machine is in use, unless it was seen in this minute of the clock already."""
        minute = now // HEARTBEAT_SECONDS
        # Most ends here, and a look into a set needs no lock.
        if minute == self._minute and machine_id in self._seen_this_minute:
            return
        with self._lock:
            if minute != self._minute or len(self._seen_this_minute) >= MACHINES_MAX:
                self._minute = minute
                self._seen_this_minute = set()
            self._seen_this_minute.add(machine_id)
            self._put(Heartbeat(machine_id=machine_id, seen_at=now, ip=ip))

    def flush(self) -> int:
        """Write what is queued; if the disk fails it stays queued, and 0 is given."""
        with self._flush_lock:
            with self._lock:
                beats, self._queue = self._queue, OrderedDict()
            if not beats:
                return 0
            is_written = False
            try:
                with self._file.changing() as connection:
                    connection.execute(_PUT, (_rows_text(beats.values()),)).fetchall()
                is_written = True
            except (StoreBusy, StoreUnavailable) as exc:
                self.problem = str(exc)
                return 0
            finally:
                if not is_written:
                    self._put_back(beats.values())
            self.problem = None
            return len(beats)

    def last_seen(self, machine_ids: Iterable[MachineId]) -> Mapping[MachineId, Heartbeat]:
        """Give what is queued or written of these machines; see ``ports.activity.Heartbeats``."""
        wanted = list(machine_ids)
        # Not while a flush has them in neither place.
        with self._flush_lock:
            with self._lock:
                found = {id_: self._queue[id_] for id_ in wanted if id_ in self._queue}
            try:
                rows = self._file.rows(_OF_MACHINES, (json_text(wanted),)) if wanted else []
            except (StoreBusy, StoreUnavailable):
                rows = []
        for beat in HEARTBEATS.values(_heartbeat, rows):
            found[beat.machine_id] = beat.later_of(found.get(beat.machine_id))
        return found

    def list_written(self, limit: int) -> list[Heartbeat]:
        """Give heartbeats that were written, in the order of machine ids.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        return HEARTBEATS.values(_heartbeat, self._file.rows(_LIST, (max(0, limit),)))

    def forget(self, beats: Sequence[Heartbeat]) -> None:
        """Remove heartbeats, unless a later one of the machine was written since.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        with self._file.changing() as connection:
            connection.execute(_FORGET, (_rows_text(beats),)).fetchall()

    def _put_back(self, beats: Iterable[Heartbeat]) -> None:
        with self._lock:
            newer, self._queue = self._queue, OrderedDict()
            for beat in (*beats, *newer.values()):
                self._put(beat)

    def _put(self, beat: Heartbeat) -> None:
        self._queue[beat.machine_id] = beat.later_of(self._queue.get(beat.machine_id))
        if len(self._queue) > MACHINES_MAX:
            self._queue.popitem(last=False)


def _rows_text(beats: Iterable[Heartbeat]) -> str:
    return json_text([(beat.machine_id, beat.seen_at, beat.ip) for beat in beats])


def _heartbeat(row: Row) -> Heartbeat:
    return Heartbeat(machine_id=row[0], seen_at=row[1], ip=row[2])
