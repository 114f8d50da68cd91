"""What buyers and sold software feel while the server backs itself up.

A real server in sandbox mode, one program that validates and one buyer who buys, each as fast as the
answers come; first a while without a backup, then while the job ``backups`` makes one. The server
begins by itself a minute after its start. ``--licenses`` says how large the database is.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from threading import Thread
from typing import Final

import httpx
import msgspec

from tests.support.live_server import LiveServer, live_server
from tests.support.many_licenses import make_shop
from tests.support.performance_page import keep_result, rows

LICENSES: Final = 200_000
SEATED: Final = 2_000
QUIET_SECONDS: Final = 20.0
WAIT_SECONDS: Final = 120.0


class Watch:
    """One who asks again and again, and how long each answer took, with when it was asked for."""

    def __init__(self, server: LiveServer, bodies: list[bytes], path: str) -> None:
        self.seen: list[tuple[float, float]] = []
        self._server = server
        self._bodies = bodies
        self._path = path
        self._is_over = False
        self._thread = Thread(target=self._go_on)
        self._thread.start()

    def stop(self) -> None:
        self._is_over = True
        self._thread.join()

    def row(self, name: str, begin: float, end: float) -> tuple[str, ...]:
        took = [seconds * 1e3 for at, seconds in self.seen if begin <= at <= end]
        late = quantiles(took, n=100)[98]
        return name, str(len(took)), f"{median(took):.1f}", f"{late:.1f}", f"{max(took):.1f}"

    def _go_on(self) -> None:
        headers = {"content-type": "application/json"}
        with httpx.Client(base_url=self._server.url, timeout=30, trust_env=False) as client:
            while not self._is_over:
                body = self._bodies[len(self.seen) % len(self._bodies)]
                began = time.monotonic()
                client.post(self._path, content=body, headers=headers).raise_for_status()
                self.seen.append((began, time.monotonic() - began))


def wait_until(is_so: Callable[[], bool]) -> float:
    """Wait and give the moment it was so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "no backup was begun or ended"
        time.sleep(0.01)
    return time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--licenses", type=int, default=LICENSES)
    count = parser.parse_args().licenses
    with tempfile.TemporaryDirectory(prefix="keysat-bench-") as name:
        folder = Path(name)
        path = folder / "keysat.db"
        make_shop(path, licenses=count, seated=SEATED, questions=folder / "questions")
        questions = (folder / "questions").read_bytes().splitlines()
        backups = folder / "backups"
        with live_server(folder, KEYSAT_RATE_LIMITS="0") as server:
            purchase = msgspec.json.encode({"product": "app"})
            validating = Watch(server, questions, "/v1/validate")
            buying = Watch(server, [purchase], "/v1/purchase")
            try:
                quiet = time.monotonic() + 1, time.monotonic() + 1 + QUIET_SECONDS
                begin = wait_until(lambda: any(backups.glob("*.db.keysat-partial")))
                end = wait_until(lambda: any(backups.glob("*Z.db")))
            finally:
                validating.stop()
                buying.stop()
        (made,) = backups.glob("*Z.db")
        cells = [
            validating.row("validation, without a backup", *quiet),
            validating.row("validation, during one", begin, end),
            buying.row("purchase, without a backup", *quiet),
            buying.row("purchase, during one", begin, end),
        ]
        said = f"{count:,} licenses, a backup of {made.stat().st_size / 1e6:,.0f} MB in {end - begin:.1f} s; milliseconds."
        heading = ("", "answers", "median", "99 of 100 within", "longest")
        keep_result("scheduled_backup", [said, "", *rows(heading, cells)])


if __name__ == "__main__":
    main()
