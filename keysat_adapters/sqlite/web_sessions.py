"""Sessions of the admin pages as rows."""

from typing import Final

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.instant import Instant
from keysat_core.domain.web_session import WebSession

SESSIONS: Final = Table(
    "sessions",
    (
        "token_hash",
        "created_at",
        "expires_at",
        "last_seen_at",
        "ip",
        "user_agent",
        "api_key_id",
        "master_key_hash",
    ),
)
_FIND: Final = SESSIONS.select("WHERE token_hash = ?")
_LIST: Final = SESSIONS.select("ORDER BY last_seen_at DESC, created_at DESC LIMIT ?")
_PUT: Final = SESSIONS.upsert(key=("token_hash",))
_REMOVE: Final = "DELETE FROM sessions WHERE token_hash = ?"
_REMOVE_ALL: Final = "DELETE FROM sessions"
_KEEP: Final = (
    "DELETE FROM sessions WHERE token_hash NOT IN"
    " (SELECT token_hash FROM sessions ORDER BY last_seen_at DESC, created_at DESC LIMIT ?)"
)
_PURGE: Final = (
    "DELETE FROM sessions WHERE token_hash IN"
    " (SELECT token_hash FROM sessions WHERE expires_at < ? ORDER BY expires_at LIMIT ?)"
)


def _session(row: Row) -> WebSession:
    return WebSession(
        token_hash=row[0],
        created_at=row[1],
        expires_at=row[2],
        last_seen_at=row[3],
        ip=row[4],
        user_agent=row[5],
        api_key_id=row[6],
        master_key_hash=row[7],
    )


class SQLiteWebSessions:
    """Implements ``ports.store.WebSessions``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_session(self, token_hash: str) -> WebSession | None:
        """Give a session or None."""
        return SESSIONS.found(_session, self._session.row(_FIND, (token_hash,)))

    def list_sessions(self, limit: int) -> list[WebSession]:
        """List the sessions seen last."""
        return list(SESSIONS.values(_session, self._session.rows(_LIST, (max(0, limit),))))

    def put_session(self, session: WebSession) -> None:
        """Insert or replace a session."""
        self._session.run(
            _PUT,
            (
                session.token_hash,
                session.created_at,
                session.expires_at,
                session.last_seen_at,
                session.ip,
                session.user_agent,
                session.api_key_id,
                session.master_key_hash,
            ),
        )

    def remove_session(self, token_hash: str) -> bool:
        """Remove a session."""
        return self._session.run(_REMOVE, (token_hash,)) > 0

    def remove_all(self) -> int:
        """Remove every session."""
        return self._session.run(_REMOVE_ALL)

    def keep_latest(self, count: int) -> int:
        """Remove all but the sessions seen last."""
        return self._session.run(_KEEP, (max(0, count),))

    def purge_sessions(self, before: Instant, limit: int) -> int:
        """Remove up to ``limit`` sessions that expired before an instant, oldest first."""
        return self._session.run(_PURGE, (before, max(0, limit)))
