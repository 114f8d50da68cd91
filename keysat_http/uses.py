"""When API keys and sessions were last used: noted on the event loop, written behind by a thread.

What is lost is only a time of last use, or that a session lasts longer; no request waits for it or
fails by it. Source: admin-api 1.2, B-05 and B-39.
"""

from threading import Lock
from typing import Final

import structlog

from keysat_core.domain.ids import ApiKeyId
from keysat_core.domain.instant import Instant
from keysat_core.errors import ServerFault
from keysat_core.limits import API_KEYS_MAX, CREDENTIAL_USE_SECONDS, WEB_SESSIONS_MAX
from keysat_core.ports.store import Store
from keysat_core.use_cases.access.note_uses import note_uses

USES_FLUSH_SECONDS: Final = 5

log = structlog.get_logger("keysat.http")


class UseBook:
    """Uses that are not written yet. Safe to use from many threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._keys: dict[ApiKeyId, Instant] = {}
        self._sessions: dict[str, Instant] = {}

    def note_key(self, key_id: ApiKeyId, last_used_at: Instant | None, now: Instant) -> None:
        """Note a use, unless one within the last minute is stored."""
        if last_used_at is not None and now - last_used_at < CREDENTIAL_USE_SECONDS:
            return
        with self._lock:
            if len(self._keys) < API_KEYS_MAX:
                self._keys[key_id] = now

    def note_session(self, token_hash: str, now: Instant) -> bool:
        """Note a use, and tell whether it is the first that waits to be written."""
        with self._lock:
            is_new = token_hash not in self._sessions
            if is_new and len(self._sessions) < WEB_SESSIONS_MAX:
                self._sessions[token_hash] = now
            return is_new

    def flush(self) -> int:
        """Write what was noted, and give how much. What cannot be written is dropped."""
        with self._lock:
            keys, self._keys = self._keys, {}
            sessions, self._sessions = self._sessions, {}
        if not keys and not sessions:
            # A commit for nothing would empty every process's cached facts.
            return 0
        try:
            note_uses(keys, sessions, store=self._store)
        except ServerFault as exc:
            log.warning("uses_unwritten", code=exc.code, problem=str(exc))
            return 0
        return len(keys) + len(sessions)
