"""Settings and the server's signing key as rows. What the key means is ``key_ring``'s business."""

from typing import Final

from keysat_adapters.sqlite.session import Reads, Session
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.errors import SigningKeyUnusable

_PUT: Final = (
    "INSERT INTO settings (key, value, updated_at) VALUES (?, ?, ?)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at"
)
_REPLACE_KEY: Final = (
    "INSERT OR REPLACE INTO server_keys"
    " (id, algorithm, private_key_pem, public_key_pem, created_at) VALUES (1, 'ed25519', ?, ?, ?)"
)
_PUT_KEY: Final = (
    "INSERT INTO server_keys (id, algorithm, private_key_pem, public_key_pem, created_at)"
    " VALUES (1, 'ed25519', ?, ?, ?)"
)


class SQLiteSettings:
    """Implements ``ports.store.Settings``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_setting(self, key: str) -> str | None:
        """Give a setting or None."""
        row = self._session.row("SELECT value FROM settings WHERE key = ?", (key,))
        return None if row is None else str(row[0])

    def put_setting(self, key: str, value: str | None, now: Instant) -> None:
        """Set or remove a setting."""
        if value is None:
            self._session.run("DELETE FROM settings WHERE key = ?", (key,))
        else:
            self._session.run(_PUT, (key, value, now))

    def find_signing_key_pem(self) -> tuple[Secret, str] | None:
        """Give the private and the public PEM; None before first boot."""
        return signing_key_pem(self._session)

    def put_signing_key_pem(self, private_pem: Secret, public_pem: str, now: Instant) -> None:
        """Keep the first key for ever.

        Raises:
            SigningKeyUnusable: There is one already.
        """
        self._session.run(
            _PUT_KEY,
            (private_pem.reveal(), public_pem, now),
            taken={"server_keys.id": SigningKeyUnusable("this server has one already")},
        )

    def replace_signing_key_pem(self, private_pem: Secret, public_pem: str, now: Instant) -> None:
        """Keep another key in place of the one there is."""
        self._session.run(_REPLACE_KEY, (private_pem.reveal(), public_pem, now))


def signing_key_pem(reads: Reads) -> tuple[Secret, str] | None:
    """Read the private and the public PEM; None before first boot."""
    row = reads.row("SELECT private_key_pem, public_key_pem FROM server_keys")
    return None if row is None else (Secret(row[0]), row[1])
