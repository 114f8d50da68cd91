"""Keys for scripts and helpers. Source: admin-api 1.2 and 2.3."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import ApiKeyId
from keysat_core.errors import NotFound
from keysat_core.limits import API_KEYS_PAGE_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.access import create_key as creating
from keysat_core.use_cases.access import list_keys as listing
from keysat_core.use_cases.access import revoke_key as revoking
from keysat_http.admin.paging import clamp_limit, clamp_offset
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import delete, get, post
from keysat_http.uses import UseBook
from keysat_http.views.api_key import (
    ApiKeyList,
    ApiKeyRevocation,
    CreatedApiKey,
    api_key_list_view,
    created_api_key_view,
    revocation_view,
)

_PATH: Final = "/v1/admin/api-keys"
_TAGS: Final = ("api keys",)


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to create. ``scopes`` may hold ``payment_providers:write`` and nothing else."""

    label: str
    role: str
    scopes: list[str] = []


@post(_PATH, tags=_TAGS)
def create_api_key(
    data: JSONBody[NewApiKey], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> CreatedApiKey:
    """Create an API key. Its token is in this answer and nowhere else."""
    made = creating.create_key(
        actor,
        creating.CreateKey(label=data.label, role=data.role, scopes=data.scopes),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        entropy=ports.entropy,
    )
    return created_api_key_view(made)


@get(_PATH, tags=_TAGS)
def list_api_keys(
    *,
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    uses: NamedDependency[UseBook],
    limit: FromQuery[int] = API_KEYS_PAGE_MAX,
    offset: FromQuery[int] = 0,
) -> ApiKeyList:
    """List API keys, newest first, revoked ones too."""
    uses.flush()
    page = listing.list_keys(
        actor,
        limit=clamp_limit(limit, API_KEYS_PAGE_MAX),
        offset=clamp_offset(offset),
        store=ports.store,
    )
    return api_key_list_view(page)


@delete(_PATH + "/{key_id:str}", raises=[NotFound], tags=_TAGS, **REHEARSABLE_ROUTE)
def revoke_api_key(
    key_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> ApiKeyRevocation:
    """Revoke an API key for good. Its next request is refused; its row stays in the list."""
    revocation = revoking.revoke_key(
        actor, ApiKeyId(key_id), store=ports.store, clock=ports.clock, ids=ports.ids
    )
    return revocation_view(revocation)
