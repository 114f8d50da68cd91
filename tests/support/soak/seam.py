"""Where a run gets between the code and its ports: the store, and the wire to BTCPay.

The use cases, the adapter and the HTTP library in between are the real ones. A process may die, and
others may go on, before and after each transaction and each call, never inside a transaction,
which others could not enter either; there it may only die, and what it wrote is rolled back.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Protocol, cast
from urllib.parse import parse_qsl, urlsplit

import httpx

from keysat_adapters.outbound.answer import Answer, NoAnswer
from keysat_adapters.outbound.http import HTTPSender
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.errors import StoreBusy
from keysat_core.ports.store import Store, Transaction
from tests.simulators.exchange import ConnectionCut, NeverAnswered, Request, Service

_NO_HEADERS: Final[Mapping[str, str]] = {}

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

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        self._seam.step()
        with self._store.reading() as tx:
            yield tx

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        self._seam.step()
        if self._seam.is_busy():
            raise StoreBusy
        with self._store.writing() as tx:
            noted = _Noted(tx)
            yield cast(Transaction, noted)
            self._seam.may_die()
        if noted.invoices.written or noted.licenses.written:
            self._watch(
                cast(list[Invoice], noted.invoices.written),
                cast(list[License], noted.licenses.written),
            )
        self._seam.step()


class _Noted:
    """A transaction that remembers the invoices and licenses that were put."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.invoices = _Notes(tx.invoices, "put_invoice")
        self.licenses = _Notes(tx.licenses, "put_license")

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
        parts = urlsplit(url)
        request = Request(
            method=method,
            path=parts.path,
            query=tuple(parse_qsl(parts.query, keep_blank_values=True)) if parts.query else (),
            headers={name.lower(): value for name, value in headers.items()},
            body=body or b"",
            base_url=f"{parts.scheme}://{parts.netloc}",
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
