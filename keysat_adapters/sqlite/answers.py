"""Answers to operators' requests as rows."""

from typing import Final

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.idempotency import KeptRequest, RequestKey
from keysat_core.domain.instant import Instant
from keysat_core.errors import RequestInFlight

ANSWERS: Final = Table(
    "idempotent_answers",
    (
        "actor_hash",
        "operation",
        "key",
        "request_digest",
        "status",
        "sealed_body",
        "created_at",
    ),
)
_FIND: Final = ANSWERS.select("WHERE actor_hash = ? AND operation = ? AND key = ?")
_EXPIRE: Final = (
    "DELETE FROM idempotent_answers"
    " WHERE actor_hash = ? AND operation = ? AND key = ?"
    " AND (created_at <= ? OR created_at >= ?)"
)
_PUT: Final = ANSWERS.insert() + " ON CONFLICT DO NOTHING"
_ANSWER: Final = (
    "UPDATE idempotent_answers SET status = ?, sealed_body = ?"
    " WHERE actor_hash = ? AND operation = ? AND key = ?"
)
_PURGE: Final = (
    "DELETE FROM idempotent_answers WHERE (actor_hash, operation, key) IN"
    " (SELECT actor_hash, operation, key FROM idempotent_answers WHERE created_at < ?"
    " ORDER BY created_at LIMIT ?)"
)
_PURGE_AHEAD: Final = (
    "DELETE FROM idempotent_answers WHERE (actor_hash, operation, key) IN"
    " (SELECT actor_hash, operation, key FROM idempotent_answers WHERE created_at > ?"
    " ORDER BY created_at DESC LIMIT ?)"
)


def _request(row: Row) -> KeptRequest:
    return KeptRequest(
        key=RequestKey(actor_hash=row[0], operation=row[1], key=row[2]),
        request_digest=row[3],
        status=row[4],
        sealed_body=row[5],
        created_at=row[6],
    )


def _named(key: RequestKey) -> tuple[str, str, str]:
    return (key.actor_hash, key.operation, key.key)


class SQLiteAnswers:
    """Implements ``ports.store.Answers``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_request(self, key: RequestKey) -> KeptRequest | None:
        """Give the request of a key or None."""
        return ANSWERS.found(_request, self._session.row(_FIND, _named(key)))

    def put_request(
        self, request: KeptRequest, *, expired_before: Instant, expired_from: Instant
    ) -> None:
        """Insert a request in place of an expired one.

        Raises:
            RequestInFlight: another request has the key.
        """
        named = _named(request.key)
        self._session.run(_EXPIRE, (*named, expired_before, expired_from))
        row = (
            *named,
            request.request_digest,
            request.status,
            request.sealed_body,
            request.created_at,
        )
        if not self._session.run(_PUT, row):
            raise RequestInFlight

    def put_answer(self, key: RequestKey, status: int, sealed_body: bytes) -> None:
        """Keep what a request was answered."""
        self._session.run(_ANSWER, (status, sealed_body, *_named(key)))

    def purge_requests(self, before: Instant, after: Instant, limit: int) -> int:
        """Remove up to ``limit`` requests made before an instant, oldest first, or after another."""
        old = self._session.run(_PURGE, (before, max(0, limit)))
        return old + self._session.run(_PURGE_AHEAD, (after, max(0, limit - old)))
