"""A store in which a request's Idempotency-Key is written with the request's effect."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from keysat_core.domain.idempotency import KeptRequest
from keysat_core.domain.instant import Instant
from keysat_core.limits import IDEMPOTENCY_SECONDS
from keysat_core.ports.store import Store, Transaction


class KeyedStore:
    """Implements ``ports.store.Store`` for one request.

    Its first write transaction to be committed holds the key too, so that neither is ever there
    without the other. A use case that opens several is safe by that: once the first is committed,
    the key is taken, and nothing of the request happens a second time.
    """

    def __init__(self, store: Store, request: KeptRequest) -> None:
        self.unkeyed = store
        self._request = request
        self._is_kept = False

    @property
    def is_kept(self) -> bool:
        """Whether anything of the request was committed."""
        return self._is_kept

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a snapshot."""
        return self.unkeyed.reading()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Open a write transaction.

        Raises:
            RequestInFlight: the same key came to another server on this database, and was first.
        """
        with self.unkeyed.writing() as tx:
            if not self._is_kept:
                request = self._request
                tx.answers.put_request(
                    request,
                    expired_before=Instant(request.created_at - IDEMPOTENCY_SECONDS),
                    expired_from=Instant(request.created_at + IDEMPOTENCY_SECONDS),
                )
            yield tx
        self._is_kept = True
