"""Sessions of the admin pages as operators see them."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.instant import rfc3339
from keysat_core.domain.web_session import FoundSession, SignInMeans


class WebSession(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is signed in. ``name`` is the beginning of the hash that the session is known by.

    The three fields of the API key are there if somebody signed in with one.
    """

    name: str
    signed_in_with: SignInMeans
    created_at: str
    last_seen_at: str
    expires_at: str
    ip: str | None
    user_agent: str | None
    is_current: bool
    api_key_id: str | UnsetType = UNSET
    label: str | UnsetType = UNSET
    role: str | UnsetType = UNSET


class WebSessionList(msgspec.Struct, frozen=True, kw_only=True):
    """Every open session, the one seen last first."""

    sessions: list[WebSession]
    total: int


class EndedWebSession(msgspec.Struct, frozen=True, kw_only=True):
    """The session has ended."""

    ok: bool = True
    name: str


class EndedWebSessions(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions have ended."""

    ok: bool = True
    ended: int


def session_name_of(actor: Actor) -> str | None:
    """Give the name of the session an actor asks from, if it does from one."""
    return actor.id if actor.kind is ActorKind.WEB_SESSION else None


def web_session_view(found: FoundSession, actor: Actor) -> WebSession:
    """Render a session for whoever asks."""
    session, key = found.session, found.key
    return WebSession(
        name=session.name,
        signed_in_with=session.means,
        created_at=rfc3339(session.created_at),
        last_seen_at=rfc3339(session.last_seen_at),
        expires_at=rfc3339(session.expires_at),
        ip=session.ip,
        user_agent=session.user_agent,
        is_current=session.name == session_name_of(actor),
        api_key_id=UNSET if key is None else key.id,
        label=UNSET if key is None else key.label,
        role=UNSET if key is None else key.role,
    )


def web_session_list_view(found: Sequence[FoundSession], actor: Actor) -> WebSessionList:
    """Render all sessions."""
    sessions = [web_session_view(one, actor) for one in found]
    return WebSessionList(sessions=sessions, total=len(sessions))
