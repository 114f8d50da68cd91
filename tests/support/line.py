"""The line between a shop and the doubles it pays at: it can be watched, held and branched."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock

import httpx

from keysat_core.ports.store import Store

PATIENCE_SECONDS = 20.0
GLANCE_SECONDS = 0.002


@dataclass(kw_only=True)
class Line(httpx.BaseTransport):
    """Leads each request to the double of its host, else to the default one.

    ``before`` runs in the caller's thread ahead of the double's answer, ``after`` behind it; either
    may wait. ``at_once_max`` is how many calls were ever on the line together.
    """

    default: httpx.BaseTransport
    hosts: dict[str, httpx.BaseTransport] = field(default_factory=dict)
    before: Callable[[httpx.Request], object] = lambda _: None
    after: Callable[[httpx.Request], object] = lambda _: None
    at_once: int = 0
    at_once_max: int = 0
    _lock: Lock = field(default_factory=Lock)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.at_once += 1
            self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            self.before(request)
            answer = self.hosts.get(request.url.host, self.default).handle_request(request)
            self.after(request)
        finally:
            with self._lock:
                self.at_once -= 1
        return answer


def is_reading_invoice(request: httpx.Request) -> bool:
    """Tell whether a request asks how one invoice stands."""
    parts = request.url.path.strip("/").split("/")
    return request.method == "GET" and parts[4:5] == ["invoices"] and len(parts) == 6


def wait_until(claim: Callable[[], bool]) -> None:
    """Look again and again until a claim holds."""
    glance = Event()
    for _ in range(int(PATIENCE_SECONDS / GLANCE_SECONDS)):
        if claim():
            return
        glance.wait(GLANCE_SECONDS)
    raise AssertionError("it never came to be")


@dataclass(kw_only=True)
class OpenTransactions:
    """Finds calls made while a transaction is open, by opening one of its own beside each.

    A store in memory has one connection for reading and writing: if this thread, or one that waits
    for it, is in any transaction, another cannot begin.
    """

    store: Store
    calls: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> None:
        call = f"{request.method} {request.url.path}"
        self.calls.append(call)
        try:
            with self.store.writing():
                pass
        except Exception as exc:  # noqa: BLE001  told at the end: the shop would turn it into a 500
            self.breaches.append(f"{call}: {exc!r}")


def contents(store: object, *, without: Mapping[str, frozenset[str]]) -> dict[str, list[object]]:
    """Give every row of a store in memory; ``without`` names what to leave out.

    That is columns of tables; no columns at all means the whole table.
    """
    connection = store._writer.session.connection  # type: ignore[attr-defined]
    names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    tables = [name for (name,) in connection.execute(names)]
    held: dict[str, list[object]] = {}
    for table in sorted(tables):
        left_out = without.get(table)
        if left_out == frozenset():
            continue
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        kept = ", ".join(name for name in columns if name not in (left_out or ()))
        held[table] = sorted(connection.execute(f"SELECT {kept} FROM {table}"), key=repr)  # noqa: S608
    return held
