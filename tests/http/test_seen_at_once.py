"""What one process changes, the very next request to every server of the database is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, Final

import httpx

from keysat_cli.session import OPERATOR
from keysat_cli.settings import StoreSettings
from keysat_cli.wiring import open_ports
from keysat_core.domain.ids import LicenseId
from keysat_core.use_cases.licenses.change_license_status import reinstate_license, suspend_license
from tests.support.server_pair import Pair, connected

BY_COMMAND: Final = 8
BY_SERVER: Final = 12
BY_CALL: Final = 40

BOTH: Final = (0, 1)


class Onlooker:
    """Asks about one key all the time, so that every cache is warm, and judges what it is told.

    While ``change`` is under way either answer is right; otherwise only the newest one is.
    """

    def __init__(self, pair: Pair, key: str) -> None:
        self.stale: list[Any] = []
        self.asked = 0
        self._pair = pair
        self._key = key
        self._epoch = 0
        self._wanted = ""
        self._done = Event()

    @contextmanager
    def watching(self, wanted: str) -> Iterator[None]:
        self._wanted = wanted
        threads = [Thread(target=self._ask_on, args=(server,)) for server in BOTH]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()
        assert self.stale == []
        assert self.asked > 0

    @contextmanager
    def change(self, wanted: str) -> Iterator[None]:
        """Make a change inside the block; after it, this is what everybody must be told."""
        self._epoch += 1
        yield
        self._wanted = wanted
        self._epoch += 1
        for server in BOTH:
            assert told(self._pair, server, self._key, self._pair.http) == wanted

    def _ask_on(self, server: int) -> None:
        with connected() as http:
            while not self._done.is_set():
                epoch, wanted = self._epoch, self._wanted
                answer = told(self._pair, server, self._key, http)
                self.asked += 1
                is_settled = epoch % 2 == 0 and epoch == self._epoch
                if is_settled and answer != wanted:
                    self.stale.append((epoch, answer, wanted))


def told(pair: Pair, server: int, key: str, http: httpx.Client) -> str:
    """Give ``ok``, or the reason a server refuses a key for."""
    answer = pair.post(server, "/v1/validate", {"key": key}, client=http)
    return "ok" if answer["ok"] else str(answer["reason"])


def test_what_a_command_does_to_a_license(pair: Pair) -> None:
    license_id, key = pair.issue(1)
    onlooker = Onlooker(pair, key)
    with onlooker.watching("ok"):
        for _ in range(BY_COMMAND):
            with onlooker.change("suspended"):
                pair.home.command("license", "suspend", license_id)
            with onlooker.change("ok"):
                pair.home.command("license", "unsuspend", license_id)
        with onlooker.change("revoked"):
            pair.home.command("license", "revoke", license_id, "--yes")


def test_what_the_other_server_does_to_a_license(pair: Pair) -> None:
    license_id, key = pair.issue(1)
    onlooker = Onlooker(pair, key)
    path = f"/v1/admin/licenses/{license_id}"
    with onlooker.watching("ok"):
        for turn in range(BY_SERVER):
            with onlooker.change("suspended"):
                pair.admin(turn % 2, f"{path}/suspend", {})
            with onlooker.change("ok"):
                pair.admin((turn + 1) % 2, f"{path}/unsuspend", {})
        with onlooker.change("revoked"):
            pair.admin(0, f"{path}/revoke", {})


def test_what_another_process_does_to_a_license_time_and_again(pair: Pair) -> None:
    license_id, key = pair.issue(1)
    onlooker = Onlooker(pair, key)
    settings = StoreSettings(db_path=pair.home.db_path)
    with open_ports(settings) as ports, onlooker.watching("ok"):
        for _ in range(BY_CALL):
            for use_case, arguments, wanted in (
                (suspend_license, {"reason": None}, "suspended"),
                (reinstate_license, {}, "ok"),
            ):
                with onlooker.change(wanted):
                    use_case(
                        OPERATOR,
                        LicenseId(license_id),
                        store=ports.store,
                        clock=ports.clock,
                        ids=ports.ids,
                        **arguments,
                    )


def test_a_seat_freed_by_a_command(pair: Pair) -> None:
    _, key = pair.issue(1)
    for turn in range(BY_COMMAND):
        here, there = turn % 2, (turn + 1) % 2
        seated = pair.post(here, "/v1/validate", {"key": key, "fingerprint": f"machine {turn}"})
        assert seated["ok"] is True
        other = {"key": key, "fingerprint": f"machine {turn + 1}"}
        assert [pair.post(server, "/v1/validate", other)["ok"] for server in BOTH] == [False, False]
        pair.home.command("machine", "deactivate", seated["machine_id"], "--yes")
        same = {"key": key, "fingerprint": f"machine {turn}"}
        assert pair.post(there, "/v1/machines/heartbeat", same)["reason"] == "not_activated"
        assert pair.post(there, "/v1/validate", other)["ok"] is True
        gone = pair.post(here, "/v1/machines/deactivate", other)
        assert gone["ok"] is True


def test_a_product_deleted_by_a_command(pair: Pair) -> None:
    for turn in range(3):
        slug = f"passing-{turn}"
        pair.home.command("product", "create", slug, "--name", "Passing", "--price-value", "1")
        issued = pair.admin(turn % 2, "/v1/admin/licenses", {"product_slug": slug})
        key = issued["license_key"]
        assert [told(pair, server, key, pair.http) for server in BOTH] == ["ok", "ok"]
        pair.home.command("product", "delete", slug, "--force", "--yes")
        assert [told(pair, server, key, pair.http) for server in BOTH] == ["not_found"] * 2
