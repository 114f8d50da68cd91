"""One GET from a stranger's server over HTTPS: within a deadline, a size, and the public internet.

The name is resolved once, and the connection goes to the very address that was judged, under the
name's certificate; a name that resolves to something else a moment later gains nothing by it.
"""

from collections.abc import Callable, Sequence
from queue import Empty, Queue
from threading import Thread
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from keysat_adapters.lightning.reach import Admit, Resolve, admitted, is_public, resolve_name
from keysat_adapters.outbound.answer import NoAnswer
from keysat_adapters.outbound.http import HTTPSender

STEP_SECONDS: Final = 10.0
"""The whole of one request: name, connection, and answer to its last byte (payments 13)."""

RESOLVE_SECONDS: Final = 4.0
"""For the name, whose server may be a stranger's too; what is left is for the rest."""

BODY_BYTES_MAX: Final = 65_536
"""Metadata may hold a small picture; what is larger is no answer to our question."""

_REDIRECTS: Final = range(300, 400)

AddressFor: TypeAlias = Callable[[str, int], str]


def _pinned(address_for: AddressFor) -> HTTPSender:
    return HTTPSender(address_for=address_for)


class Unanswered(Exception):
    """There is no answer that could be used. Says why; never reaches beyond this package."""


class NotAdmitted(OSError):
    """A name leads nowhere we go. Says why."""


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
        self._is_admitted = is_admitted
        self._resolve = resolve
        self._sender = sender_for(self.address_for)
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

    def address_for(self, host: str, port: int) -> str:
        """Give the address of a host to connect to.

        Raises:
            NotAdmitted: the name does not resolve in time, or not to the public internet.
        """
        found: Queue[Sequence[str]] = Queue(1)
        # In a thread that is left behind if it takes too long: nothing can stop a resolver.
        Thread(
            target=lambda: found.put(_resolved(self._resolve, host, port)),
            name="resolve",
            daemon=True,
        ).start()
        try:
            answers = found.get(timeout=min(RESOLVE_SECONDS, self._seconds))
        except Empty:
            raise NotAdmitted("its name was not resolved in time") from None
        if not answers:
            raise NotAdmitted("its name does not resolve")
        addresses = admitted(answers, self._is_admitted)
        if not addresses:
            raise NotAdmitted("it is not on the public internet")
        return addresses[0]


def _resolved(resolve: Resolve, host: str, port: int) -> Sequence[str]:
    try:
        return resolve(host, port)
    except (OSError, UnicodeError):
        return ()


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
