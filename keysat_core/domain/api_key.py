"""API keys: what scripts and helpers prove themselves with. Source: admin-api 1.2 and 2.3.

A token is shown once and never kept; what is stored is its SHA-256. A token has 256 random bits,
so that hash needs neither salt nor slowness.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import msgspec

from keysat_core.domain.access import GRANTABLE, Role, scopes_of
from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import ApiKeyId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.domain.text import checked_text
from keysat_core.errors import InvariantError
from keysat_core.limits import API_KEY_LABEL_BYTES_MAX

TOKEN_BYTES: Final = 32
"""Random bytes of a token (admin-api 1.2)."""

TOKEN_PREFIX: Final = "ks_"  # noqa: S105  it marks a token and is none

_TOKEN: Final = re.compile(rb"ks_[A-Za-z0-9_-]{43}")
"""Source: admin-api 1.2; the base64url of 32 bytes without padding has 43 characters."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key. ``token_hash`` is the lower-hex SHA-256 of the whole token, its prefix included."""

    id: ApiKeyId
    label: str
    token_hash: str
    role: Role
    extra_scopes: tuple[Scope, ...] = ()
    created_at: Instant
    last_used_at: Instant | None = None
    revoked_at: Instant | None = None

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the key may do; nothing once it is revoked."""
        if self.revoked_at is not None:
            return frozenset()
        return scopes_of(self.role, self.extra_scopes)


class ApiKeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some keys, newest first, and how many there are in all."""

    keys: tuple[ApiKey, ...]
    total: int


def api_key_token(entropy: bytes) -> Secret:
    """Spell a token of ``TOKEN_BYTES`` random bytes."""
    return Secret(TOKEN_PREFIX + urlsafe_b64encode(entropy).rstrip(b"=").decode("ascii"))


def hash_token(token: bytes) -> str:
    """Give the lower-hex SHA-256 by which a token is known."""
    return sha256(token).hexdigest()


def is_api_key_token(token: bytes) -> bool:
    """Tell whether this may be a token at all, so that nothing else is looked up."""
    return _TOKEN.fullmatch(token) is not None


def checked_label(label: str) -> str:
    """Give a label without the space around it.

    Raises:
        InvariantError: blank, longer than 80 bytes, or not storable.
    """
    trimmed = checked_text(
        label.strip(), field="label", chars_max=API_KEY_LABEL_BYTES_MAX, required=True
    )
    if len(trimmed.encode()) > API_KEY_LABEL_BYTES_MAX:
        raise InvariantError("label", f"must have at most {API_KEY_LABEL_BYTES_MAX} bytes in UTF-8")
    return trimmed


def checked_role(role: str) -> Role:
    """Read a role's name, exactly as it is spelled.

    Raises:
        InvariantError: there is no such role.
    """
    try:
        return Role(role.strip())
    except ValueError:
        raise InvariantError("role", f"must be one of {', '.join(Role)}") from None


def checked_extra_scopes(scopes: Iterable[str]) -> tuple[Scope, ...]:
    """Read what a key is given beside its role, sorted and each once; blank names are left out.

    Raises:
        InvariantError: one of them is not for keys.
    """
    names = {name for scope in scopes if (name := scope.strip())}
    if not names <= GRANTABLE:
        listed = ", ".join(sorted(GRANTABLE))
        raise InvariantError(
            "scopes", f"can only grant {listed}; what else a key may do comes with its role"
        )
    return tuple(sorted(scope for scope in GRANTABLE if scope in names))
