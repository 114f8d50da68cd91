"""API keys as rows."""

from typing import Final

import msgspec

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, json_text
from keysat_core.domain.access import GRANTABLE, Role
from keysat_core.domain.actor import Scope
from keysat_core.domain.api_key import ApiKey, ApiKeyPage
from keysat_core.domain.ids import ApiKeyId
from keysat_core.domain.instant import Instant
from keysat_core.errors import NotFound

KEYS: Final = Table(
    "api_keys",
    (
        "id",
        "label",
        "token_hash",
        "role",
        "extra_scopes",
        "created_at",
        "last_used_at",
        "revoked_at",
    ),
)
_PUT: Final = KEYS.upsert()
_BY_ID: Final = KEYS.select("WHERE id = ?")
_BY_TOKEN: Final = KEYS.select("WHERE token_hash = ?")
# Keys of one second are told apart by the order they were written in; their ids are random.
_PAGE: Final = KEYS.select("ORDER BY created_at DESC, rowid DESC LIMIT ? OFFSET ?")
_COUNT: Final = "SELECT count(*) FROM api_keys"
_COUNT_LIVE: Final = "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL"
_NOTE_USED: Final = (
    "UPDATE api_keys SET last_used_at = ?2"
    " WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)"
)
_names: Final = msgspec.json.Decoder(list[str])


def _scopes(text: str) -> tuple[Scope, ...]:
    """Read what a key was given; what cannot be read grants nothing (admin-api 1.2)."""
    try:
        names = set(_names.decode(text))
    except msgspec.DecodeError:
        return ()
    return tuple(sorted(scope for scope in GRANTABLE if scope in names))


def _key(row: Row) -> ApiKey:
    return ApiKey(
        id=row[0],
        label=row[1],
        token_hash=row[2],
        role=Role(row[3]),
        extra_scopes=_scopes(row[4]),
        created_at=row[5],
        last_used_at=row[6],
        revoked_at=row[7],
    )


class SQLiteApiKeys:
    """Implements ``ports.store.ApiKeys``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_key(self, key_id: ApiKeyId) -> ApiKey:
        """Give a key."""
        key = KEYS.found(_key, self._session.row(_BY_ID, (key_id,)))
        if key is None:
            raise NotFound("API key", key_id)
        return key

    def find_by_token_hash(self, token_hash: str) -> ApiKey | None:
        """Give the key of a token or None."""
        return KEYS.found(_key, self._session.row(_BY_TOKEN, (token_hash,)))

    def list_keys(self, *, limit: int, offset: int = 0) -> ApiKeyPage:
        """Give one page, newest first."""
        rows = self._session.rows(_PAGE, (max(0, limit), max(0, offset)))
        return ApiKeyPage(keys=tuple(KEYS.values(_key, rows)), total=self._session.number(_COUNT))

    def count_live(self) -> int:
        """Count the keys that are not revoked."""
        return self._session.number(_COUNT_LIVE)

    def put_key(self, key: ApiKey) -> None:
        """Insert or replace a key."""
        self._session.run(
            _PUT,
            (
                key.id,
                key.label,
                key.token_hash,
                key.role,
                json_text(key.extra_scopes),
                key.created_at,
                key.last_used_at,
                key.revoked_at,
            ),
        )

    def note_used(self, key_id: ApiKeyId, at: Instant) -> None:
        """Move the last use of a key on; never back."""
        self._session.run(_NOTE_USED, (key_id, at))
