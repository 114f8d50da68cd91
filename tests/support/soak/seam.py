"""Where a run gets between the code and its ports: the store, and the wire to BTCPay.

The use cases, the adapter and the HTTP library in between are the real ones. A process may die, and
others may go on, before and after each transaction and each call, never inside a transaction,
which others could not enter either; there it may only die, and what it wrote is rolled back.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Protocol, cast
from urllib.parse import parse_qsl

import httpx

from keysat_adapters.outbound.answer import Answer, NoAnswer
from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.sqlite.sales import SQLiteSales
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.errors import StoreBusy
from keysat_core.ports.store import Store, Transaction
from tests.simulators.exchange import ConnectionCut, NeverAnswered, Request, Service

_NO_HEADERS: Final[Mapping[str, str]] = {}

BASE: Final = "http://btcpay.internal"
"""Where our server reaches BTCPay."""

CALL_SECONDS: Final = 15
"""How long a call hangs that is never answered (payments 6.1)."""


class Died(BaseException):
    """The process that did this is gone. No code of the product can catch it."""


class Seam(Protocol):
    """One life of a process, as its ports see it."""

    def step(self) -> None:
        """Give others a turn, or die."""
        ...

    def may_die(self) -> None:
        """Die, or not."""
        ...

    def is_busy(self) -> bool:
        """Tell whether the store is to refuse now."""
        ...

    def hang(self, seconds: int) -> None:
        """Wait for an answer that does not come."""
        ...


Watch = Callable[[list[Invoice], list[License]], None]
"""Told after each commit which invoices and licenses it wrote."""


class SoakedStore:
    """Implements ``ports.store.Store`` around another."""

    def __init__(self, store: Store, seam: Seam, watch: Watch) -> None:
        self._store = store
        self._seam = seam
        self._watch = watch

    def reading(self) -> AbstractContextManager[Transaction]:
        self._seam.step()
        return self._store.reading()

    def writing(self) -> AbstractContextManager[Transaction]:
        return _Writing(self._store, self._seam, self._watch)


class _Writing:
    """One write transaction with the steps around it."""

    __slots__ = ("_noted", "_seam", "_store", "_turn", "_watch")

    def __init__(self, store: Store, seam: Seam, watch: Watch) -> None:
        self._store = store
        self._seam = seam
        self._watch = watch

    def __enter__(self) -> Transaction:
        self._seam.step()
        if self._seam.is_busy():
            raise StoreBusy
        self._turn = self._store.writing()
        self._noted = _Noted(self._turn.__enter__())
        return cast(Transaction, self._noted)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            try:
                self._seam.may_die()
            except Died as died:
                self._turn.__exit__(Died, died, None)
                raise
        self._turn.__exit__(exc_type, exc, traceback)
        if exc_type is not None:
            return
        invoices, licenses = self._noted.invoices.written, self._noted.licenses.written
        if invoices or licenses:
            self._watch(cast(list[Invoice], invoices), cast(list[License], licenses))
        self._seam.step()


class _Noted:
    """A transaction that remembers the invoices and licenses that were put."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.invoices = _Notes(tx.invoices, "put_invoice")
        self.licenses = _Notes(tx.licenses, "put_license")
        self.sales = SQLiteSales(cast(Transaction, self))

    def __getattr__(self, name: str) -> object:
        return getattr(self._tx, name)


class _Notes:
    def __init__(self, inner: object, noted: str) -> None:
        self._inner = inner
        self._noted = noted
        self.written: list[object] = []

    def __getattr__(self, name: str) -> object:
        value = getattr(self._inner, name)
        if name != self._noted:
            return value

        def put(row: object) -> None:
            value(row)
            self.written.append(row)

        return put


class SoakedTransport(httpx.BaseTransport):
    """The network under the real HTTP library: processes die before and after each call on it."""

    def __init__(self, transport: httpx.BaseTransport, seam: Seam) -> None:
        self._transport = transport
        self._seam = seam

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._seam.step()
        try:
            answer = self._transport.handle_request(request)
        except httpx.ReadTimeout:
            self._seam.hang(CALL_SECONDS)
            raise
        self._seam.step()
        return answer


class DirectSender(HTTPSender):
    """The same without an HTTP library, which would be most of the work of a run.

    A test holds it to the same run as the library over ``SoakedTransport``.
    """

    def __init__(self, service: Service, seam: Seam) -> None:
        super().__init__()
        self._service = service
        self._seam = seam

    def send(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes | None = None,
    ) -> Answer:
        self._seam.step()
        path, _, query = url.removeprefix(BASE).partition("?")
        request = Request(
            method=method,
            path=path,
            query=tuple(parse_qsl(query, keep_blank_values=True)) if query else (),
            headers={name.lower(): value for name, value in headers.items()},
            body=body or b"",
            base_url=BASE,
        )
        try:
            answer = self._service.handle(request)
        except NeverAnswered as exc:
            self._seam.hang(CALL_SECONDS)
            raise NoAnswer("the double never answers", was_sent=True, is_slow=True) from exc
        except ConnectionCut as exc:
            raise NoAnswer("the double hung up", was_sent=True) from exc
        self._seam.step()
        return Answer(answer.status, answer.headers, answer.body)
