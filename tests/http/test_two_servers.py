"""Two real servers and a crowd of commands on one database: they agree, and nobody is turned away.

Clients come from addresses of their own, so that no rate limit hides a race.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from threading import Event
from typing import Any, Final

import apsw
import pytest

from keysat_cli.exit_codes import ExitCode
from tests.support.contenders import in_processes
from tests.support.sale_evidence import assert_all_is_delivered, assert_it_fits, gather
from tests.support.sandbox_webhook import sandbox_webhook
from tests.support.seat_watch import watched_seats
from tests.support.server_pair import Pair, at_once, connected

CLIENTS: Final = 20
TURNS: Final = 30
MACHINES: Final = 8
CAPS: Final = (0, 1, 2, 5)

FREEINGS: Final = 12
"""Commands of an operator who frees seats meanwhile."""


def test_a_crowd_at_both_servers_never_exceeds_the_seats(pair: Pair) -> None:
    licenses = {pair.issue(cap): cap for cap in CAPS}
    done = Event()

    def come_and_go(seed: int) -> Counter[tuple[str, str, bool]]:
        random = Random(seed)  # noqa: S311
        counted: Counter[tuple[str, str, bool]] = Counter()
        with connected() as client:
            for _ in range(TURNS):
                license_id, key = random.choice(list(licenses))
                act = random.choice(("/v1/validate", "activate", "heartbeat", "deactivate"))
                path = act if act.startswith("/") else f"/v1/machines/{act}"
                body = {"key": key, "fingerprint": f"machine {random.randrange(MACHINES)}"}
                answer = pair.post(random.randrange(2), path, body, client=client)
                counted[license_id, act, answer["ok"]] += 1
        return counted

    def free() -> Counter[tuple[str, str, bool]]:
        """Free seats as an operator does, by commands beside the servers."""
        freed: Counter[tuple[str, str, bool]] = Counter()
        while freed.total() < FREEINGS and not done.is_set():
            license_id, machine_id = a_live_machine(pair.home.db_path)
            if machine_id:
                child = pair.home.start("keysat", "machine", "deactivate", machine_id, "--yes")
                # 0, or the exit code of a machine that had left already.
                assert child.wait() in {ExitCode.OK, ExitCode.NOT_FOUND}, child.said()
                freed[license_id, "freed", child.exit_code == 0] += 1
        return freed

    with watched_seats(pair.home.db_path) as worst:
        crowd = [lambda seed=seed: come_and_go(seed) for seed in range(CLIENTS)]
        counted: Counter[tuple[str, str, bool]] = sum(at_once([*crowd, free, free]), Counter())
    evidence = gather(pair.home.db_path, pair.home.books_path)
    assert_it_fits(evidence)
    for (license_id, _), cap in licenses.items():
        live, stored_cap = evidence.seats[license_id]
        assert stored_cap == cap
        assert worst[license_id] > 0
        if cap:
            assert worst[license_id] <= cap
            refused = (
                counted[license_id, "/v1/validate", False] + counted[license_id, "activate", False]
            )
            assert refused > 0
        left = counted[license_id, "deactivate", True] + counted[license_id, "freed", True]
        assert left > 0
        came, went = trail_of(pair.home.db_path, license_id)
        assert went == left
        assert came - went == live


def a_live_machine(db_path: Path) -> tuple[str, str]:
    query = (
        "SELECT license_id, id FROM machines WHERE deactivated_at IS NULL ORDER BY random() LIMIT 1"
    )
    with closing(apsw.Connection(str(db_path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        connection.set_busy_timeout(5_000)
        found = connection.execute(query).fetchall()
    return (str(found[0][0]), str(found[0][1])) if found else ("", "")


def trail_of(db_path: Path, license_id: str) -> tuple[int, int]:
    """How often the audit trail says that a machine came to a license, and that one left."""
    query = (
        "SELECT sum(action = 'machine.activate'), sum(action = 'machine.deactivate')"
        " FROM audit_log WHERE details ->> 'license_id' = ?"
    )
    with closing(apsw.Connection(str(db_path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        ((came, went),) = connection.execute(query, (license_id,)).fetchall()
    return int(str(came)), int(str(went))


@pytest.mark.parametrize("round_number", range(3))
def test_one_invoice_asked_about_from_everywhere_at_once_has_one_license(
    pair: Pair, round_number: int
) -> None:
    sold = pair.post(0, "/v1/purchase", {"product": "widget"})
    assert in_processes(pair.home, "pay", (sold["btcpay_invoice_id"],)) == ["Settled"]
    webhook = sandbox_webhook(pair.home, sold["btcpay_invoice_id"])

    def deliver(server: int) -> str | None:
        for _ in range(4):
            url = pair.urls[server] + webhook.path
            answer = pair.http.post(url, content=webhook.body, headers=webhook.headers)
            assert answer.status_code == 200, answer.text
        return None

    def poll(server: int) -> str | None:
        key = None
        for _ in range(10):
            answer = pair.http.get(f"{pair.urls[server]}/v1/purchase/{sold['invoice_id']}")
            assert answer.status_code == 200, answer.text
            key = answer.json()["license_key"] or key
        return key

    def beside() -> list[list[str]]:
        return in_processes(pair.home, "collect", *[(sold["invoice_id"], 6)] * 4)

    works: list[Callable[[], Any]] = [
        *(lambda server=number % 2: deliver(server) for number in range(8)),
        *(lambda server=number % 2: poll(server) for number in range(CLIENTS - 8)),
    ]
    *told, by_processes = at_once([*works, beside])
    (key,) = {key for keys in by_processes for key in keys}
    assert set(filter(None, told)) <= {key}
    assert poll(0) == poll(1) == key
    evidence = gather(pair.home.db_path, pair.home.books_path)
    assert_all_is_delivered(evidence)
    assert evidence.licensed[sold["invoice_id"]] == 1
