"""Part of the store: who may sign in. No token is ever in it, only hashes."""

from typing import Protocol

from keysat_core.domain.api_key import ApiKey, ApiKeyPage
from keysat_core.domain.ids import ApiKeyId
from keysat_core.domain.instant import Instant
from keysat_core.domain.web_session import WebSession


class ApiKeys(Protocol):
    """API keys. A revoked one stays, and is found like any other."""

    def get_key(self, key_id: ApiKeyId) -> ApiKey: ...
    def find_by_token_hash(self, token_hash: str) -> ApiKey | None:
        """Give the key of a token. Asked with each request, so it is one point read."""
        ...

    def list_keys(self, *, limit: int, offset: int = 0) -> ApiKeyPage:
        """One page, newest first, revoked ones too; ``total`` counts all."""
        ...

    def count_live(self) -> int:
        """Count those that are not revoked."""
        ...

    def put_key(self, key: ApiKey) -> None: ...
    def note_used(self, key_id: ApiKeyId, at: Instant) -> None:
        """Keep when a key was last used, if that is news; a key that is gone stays gone."""
        ...


class WebSessions(Protocol):
    """Sessions, also those that have expired and were not purged yet."""

    def find_session(self, token_hash: str) -> WebSession | None: ...
    def list_sessions(self, limit: int) -> list[WebSession]:
        """List those seen last, the latest first."""
        ...

    def put_session(self, session: WebSession) -> None: ...
    def remove_session(self, token_hash: str) -> bool:
        """Tell whether there was one."""
        ...

    def remove_all(self) -> int:
        """Remove every session and give their number."""
        ...

    def keep_latest(self, count: int) -> int:
        """Remove all but those seen last, and give the number removed."""
        ...

    def purge_sessions(self, before: Instant, limit: int) -> int:
        """Remove up to ``limit`` that expired before an instant, longest expired first."""
        ...
