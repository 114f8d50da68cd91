"""Calls over HTTP: one deadline for the whole exchange, no redirects, no proxies, bounded answers.

Adapters speak of ``Answer`` and ``NoAnswer``; the library behind is loaded with the first call,
because commands that call nobody should start fast.
"""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol, Self

from keysat_adapters.outbound.answer import Answer

if TYPE_CHECKING:
    import httpx

    from keysat_adapters.outbound.deadline import AddressFor

USER_AGENT: Final = "Keysat"
"""How we introduce ourselves; some services refuse callers without a name."""

ANSWER_BYTES_MAX: Final = 4_194_304
"""Largest answer read, 4 MiB: a page of invoices with everything in it is far smaller."""

KEPT_CONNECTIONS: Final = 8
"""Connections kept open between calls: those of a shop's providers."""

_NO_HEADERS: Final[Mapping[str, str]] = {}


class Exchange(Protocol):
    """Sends one request within a time."""

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> Answer:
        """Give the answer; raises ``NoAnswer``."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class HTTPSender:
    """Sends requests; safe to share between threads.

    ``address_for`` chooses the IP address of a host and may refuse it. A ``transport`` takes the
    place of the network. With ``ca_file`` only that authority's certificates are trusted. Of an
    answer that is longer than allowed only the beginning is read with ``is_answer_cut``; otherwise it
    is none.
    """

    def __init__(
        self,
        *,
        user_agent: str = USER_AGENT,
        address_for: "AddressFor | None" = None,
        transport: "httpx.BaseTransport | None" = None,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        is_answer_cut: bool = False,
        kept_connections: int = KEPT_CONNECTIONS,
        ca_file: str | None = None,
    ) -> None:
        self._open: Callable[[], Exchange] = lambda: _opened(
            user_agent,
            transport
            or _bounded_transport(
                address_for, answer_bytes_max, is_answer_cut, kept_connections, ca_file
            ),
        )
        self._lock = Lock()
        self._exchange: Exchange | None = None

    def send(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes | None = None,
    ) -> Answer:
        """Send one request and give its answer, whatever its status. Never tried twice.

        Raises:
            NoAnswer: none came in time, it was too long, or the address cannot be called.
        """
        with self._lock:
            if self._exchange is None:
                self._exchange = self._open()
        return self._exchange.send(method, url, headers, body, seconds)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._exchange is not None:
                self._exchange.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _opened(user_agent: str, transport: "httpx.BaseTransport") -> Exchange:
    from keysat_adapters.outbound.client import HTTPXExchange  # noqa: PLC0415  see the module's text

    return HTTPXExchange(user_agent=user_agent, transport=transport)


def _bounded_transport(
    address_for: "AddressFor | None",
    answer_bytes_max: int,
    is_answer_cut: bool,  # noqa: FBT001  private, and named where it is given
    kept_connections: int,
    ca_file: str | None,
) -> "httpx.BaseTransport":
    from keysat_adapters.outbound.deadline import DeadlineTransport  # noqa: PLC0415  see above

    return DeadlineTransport(
        bytes_max=answer_bytes_max,
        is_cut=is_answer_cut,
        kept_connections=kept_connections,
        address_for=address_for,
        ca_file=ca_file,
    )
