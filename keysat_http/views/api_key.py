"""API keys as operators see them. Source: admin-api 2.3."""

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain import api_key as core
from keysat_core.domain.instant import rfc3339, rfc3339_or_none
from keysat_core.use_cases.access.create_key import NewKey
from keysat_core.use_cases.access.revoke_key import Revocation


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key, never with its token. ``scopes`` is what it has beside those of its role."""

    id: str
    label: str
    role: str
    scopes: list[str]
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


class CreatedApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new key with its token, which is shown this once."""

    id: str
    label: str
    role: str
    scopes: list[str]
    created_at: str
    token: str


class ApiKeyList(msgspec.Struct, frozen=True, kw_only=True):
    """Keys, newest first, revoked ones too. ``total`` counts all of them."""

    api_keys: list[ApiKey]
    total: int


class ApiKeyRevocation(msgspec.Struct, frozen=True, kw_only=True):
    """The key is revoked: now, or it was already."""

    ok: bool = True
    revoked_at: str | UnsetType = UNSET
    already_revoked: bool | UnsetType = UNSET


def api_key_view(key: core.ApiKey) -> ApiKey:
    """Render a key."""
    return ApiKey(
        id=key.id,
        label=key.label,
        role=key.role,
        scopes=list(key.extra_scopes),
        created_at=rfc3339(key.created_at),
        last_used_at=rfc3339_or_none(key.last_used_at),
        revoked_at=rfc3339_or_none(key.revoked_at),
    )


def api_key_list_view(page: core.ApiKeyPage) -> ApiKeyList:
    """Render a page of keys."""
    return ApiKeyList(api_keys=[api_key_view(key) for key in page.keys], total=page.total)


def created_api_key_view(made: NewKey) -> CreatedApiKey:
    """Render a new key with its token."""
    return CreatedApiKey(
        id=made.key.id,
        label=made.key.label,
        role=made.key.role,
        scopes=list(made.key.extra_scopes),
        created_at=rfc3339(made.key.created_at),
        token=made.token.reveal(),
    )


def revocation_view(revocation: Revocation) -> ApiKeyRevocation:
    """Render what became of a key."""
    revoked_at = revocation.key.revoked_at
    if not revocation.is_new or revoked_at is None:
        return ApiKeyRevocation(already_revoked=True)
    return ApiKeyRevocation(revoked_at=rfc3339(revoked_at))
