"""Looks at the seats of a database again and again, from a connection of its own."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

import apsw

LIVE: Final = (
    "SELECT license_id, count(*) FROM machines WHERE deactivated_at IS NULL GROUP BY license_id"
)
PAUSE_SECONDS: Final = 0.002


@contextmanager
def watched_seats(db_path: Path) -> Iterator[Counter[str]]:
    """Give the most live machines seen of each license; it grows until the end of the block."""
    worst: Counter[str] = Counter()
    done = Event()

    def watch() -> None:
        with closing(apsw.Connection(str(db_path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            connection.set_busy_timeout(5_000)
            is_last = False
            while not is_last:
                # One more look after the end, at what is left.
                is_last = done.wait(PAUSE_SECONDS)
                for license_id, live in connection.execute(LIVE).fetchall():
                    worst[str(license_id)] = max(worst[str(license_id)], int(str(live)))

    thread = Thread(target=watch)
    thread.start()
    try:
        yield worst
    finally:
        done.set()
        thread.join()
