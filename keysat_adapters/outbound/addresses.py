"""The address of a name, judged before it is connected to, and within a time.

The name is resolved once, and the connection goes to the very address that was judged; a name that
resolves to something else a moment later gains nothing by it.
"""

from collections.abc import Sequence
from queue import Empty, Queue
from threading import Thread
from typing import Final

from keysat_adapters.outbound.reach import Admit, Resolve, admitted, is_public, resolve_name

RESOLVE_SECONDS: Final = 4.0
"""For the name, whose server may be a stranger's too; what is left of a call is for the rest."""


class NotAdmitted(OSError):
    """A name leads nowhere we go. Says why."""


class Addresses:
    """Chooses addresses for ``HTTPSender``. What may be reached is given by who makes it."""

    def __init__(
        self,
        *,
        is_admitted: Admit = is_public,
        resolve: Resolve = resolve_name,
        seconds: float = RESOLVE_SECONDS,
    ) -> None:
        self._is_admitted = is_admitted
        self._resolve = resolve
        self._seconds = seconds

    def address_for(self, host: str, port: int) -> str:
        """Give the address of a host to connect to.

        Raises:
            NotAdmitted: the name does not resolve in time, or not to where we may go.
        """
        found: Queue[Sequence[str]] = Queue(1)
        # In a thread that is left behind if it takes too long: nothing can stop a resolver.
        Thread(
            target=lambda: found.put(_resolved(self._resolve, host, port)),
            name="resolve",
            daemon=True,
        ).start()
        try:
            answers = found.get(timeout=self._seconds)
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
