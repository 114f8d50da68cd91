"""Calls over HTTP: one deadline for the whole exchange, no redirects, no proxies, bounded answers.

The one place that knows httpx; adapters speak of ``Answer`` and ``NoAnswer``.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, Self

import httpx

from keysat_adapters.outbound.deadline import AddressFor, DeadlineTransport

ANSWER_BYTES_MAX: Final = 4_194_304
"""Largest answer read, 4 MiB: a page of invoices with everything in it is far smaller."""

USER_AGENT: Final = "Keysat"
"""How we introduce ourselves; some services refuse callers without a name."""

_NO_HEADERS: Final[Mapping[str, str]] = {}


class Answer(NamedTuple):
    """What came back. Header names are in lower case; the body is as received."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """The other side says that it did what was asked."""
        return 200 <= self.status < 300  # noqa: PLR2004  the class of HTTP statuses


class NoAnswer(Exception):
    """No whole answer came. ``was_sent`` False: the other side was never reached.

    ``is_slow``: the time was over, so that asking again would take as long.
    """

    def __init__(self, reason: str, *, was_sent: bool, is_slow: bool = False) -> None:
        self.was_sent = was_sent
        self.is_slow = is_slow
        super().__init__(reason)


class HTTPSender:
    """Sends requests; safe to share between threads.

    ``address_for`` chooses the IP address of a host and may refuse it. A ``transport`` takes the
    place of the network.
    """

    def __init__(
        self,
        *,
        user_agent: str = USER_AGENT,
        address_for: AddressFor | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._client = httpx.Client(
            headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
            follow_redirects=False,
            trust_env=False,
            transport=transport
            or DeadlineTransport(bytes_max=ANSWER_BYTES_MAX, address_for=address_for),
        )

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
        try:
            answer = self._client.request(
                method, url, headers=dict(headers), content=body, timeout=seconds
            )
        except (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL) as exc:
            raise NoAnswer(_said(exc), was_sent=False) from exc
        except httpx.HTTPError as exc:
            is_slow = isinstance(exc, httpx.TimeoutException)
            raise NoAnswer(_said(exc), was_sent=True, is_slow=is_slow) from exc
        named = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, named, answer.content)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
