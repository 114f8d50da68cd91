"""One GET from a stranger's server over HTTPS: within a deadline, a size, and the public internet.

The name is resolved once, and the connection goes to the very address that was judged, under the
name's certificate; a name that resolves to something else a moment later gains nothing by it.
"""

from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from keysat_adapters.outbound.addresses import RESOLVE_SECONDS, Addresses
from keysat_adapters.outbound.answer import NoAnswer
from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.outbound.reach import Admit, Resolve, is_public, resolve_name

STEP_SECONDS: Final = 10.0
"""The whole of one request: name, connection, and answer to its last byte (payments 13)."""

BODY_BYTES_MAX: Final = 65_536
"""Metadata may hold a small picture; what is larger is no answer to our question."""

_REDIRECTS: Final = range(300, 400)

AddressFor: TypeAlias = Callable[[str, int], str]


def _pinned(address_for: AddressFor) -> HTTPSender:
    return HTTPSender(address_for=address_for)


class Unanswered(Exception):
    """There is no answer that could be used. Says why; never reaches beyond this package."""


class Fetcher:
    """Gets what a stranger's URL says. What it may reach is given by who makes it.

    ``sender_for`` makes what sends, told how to choose the address of a host.
    """

    def __init__(
        self,
        *,
        is_admitted: Admit = is_public,
        resolve: Resolve = resolve_name,
        sender_for: Callable[[AddressFor], HTTPSender] = _pinned,
        seconds: float = STEP_SECONDS,
    ) -> None:
        seconds_max = min(RESOLVE_SECONDS, seconds)
        addresses = Addresses(is_admitted=is_admitted, resolve=resolve, seconds=seconds_max)
        self._sender = sender_for(addresses.address_for)
        self._seconds = seconds

    def get(self, url: str) -> bytes:
        """Give the body of the answer, whatever its status unless that is a redirect.

        Raises:
            Unanswered: not a plain HTTPS URL, not on the public internet, or no whole answer in time.
        """
        host = _host_of(url)
        try:
            answer = self._sender.send(
                "GET", url, seconds=self._seconds, headers={"Accept": "application/json"}
            )
        except NoAnswer as exc:
            raise Unanswered(f"{host} did not answer: {exc}") from exc
        if answer.status in _REDIRECTS:
            raise Unanswered(f"{host} redirects, which is not followed")
        if len(answer.body) > BODY_BYTES_MAX:
            raise Unanswered(f"{host} answers more than {BODY_BYTES_MAX} bytes")
        return answer.body


def _host_of(text: str) -> str:
    try:
        url = urlsplit(text)
        host, is_bare = url.hostname or "", url.username is None and url.password is None
    except ValueError:
        raise Unanswered("its address is no URL") from None
    if url.scheme != "https" or not host:
        raise Unanswered("its address is not https")
    if not is_bare:
        raise Unanswered("its address carries a password")
    return host
