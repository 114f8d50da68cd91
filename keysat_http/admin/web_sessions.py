"""Who is signed in to the admin pages, and signing them out. Source: admin-api 1.4."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.errors import InvariantError, NotFound
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.access import end_sessions as ending
from keysat_core.use_cases.access import list_sessions as listing
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import delete, get, post
from keysat_http.uses import UseBook
from keysat_http.views.web_session import (
    EndedWebSession,
    EndedWebSessions,
    WebSessionList,
    session_name_of,
    web_session_list_view,
)
from keysat_http.web_sessions import WebSessions

_PATH: Final = "/v1/admin/web-sessions"
_TAGS: Final = ("sign in",)


class KeptSession(msgspec.Struct, frozen=True, kw_only=True):
    """Which session stays open; left out, the one this is asked from."""

    keep: str | None = None


@get(_PATH, tags=_TAGS)
def list_web_sessions(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    sessions: NamedDependency[WebSessions],
    uses: NamedDependency[UseBook],
) -> WebSessionList:
    """List who is signed in to the admin pages, and with what."""
    uses.flush()
    found = listing.list_sessions(
        actor,
        master_key_hash=sessions.master_key_hash,
        store=ports.store,
        clock=ports.clock,
    )
    return web_session_list_view(found, actor)


@delete(_PATH + "/{session_name:str}", raises=[NotFound], tags=_TAGS, **REHEARSABLE_ROUTE)
def end_web_session(
    session_name: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> EndedWebSession:
    """Sign somebody out: their next request is refused."""
    ended = ending.end_session(actor, session_name, store=ports.store, clock=ports.clock)
    return EndedWebSession(name=ended.name)


@post(_PATH + "/end-others", raises=[NotFound], tags=_TAGS, **REHEARSABLE_ROUTE)
def end_other_web_sessions(
    data: JSONBody[KeptSession], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> EndedWebSessions:
    """Sign out everybody but one session: the one this is asked from, if no other is named."""
    keep = data.keep or session_name_of(actor)
    if keep is None:
        raise InvariantError("keep", "must be the name of the session that stays open")
    ended = ending.end_other_sessions(actor, keep, store=ports.store, clock=ports.clock)
    return EndedWebSessions(ended=ended)
