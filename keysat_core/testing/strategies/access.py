"""Who may sign in: API keys, and sessions of the admin pages."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.access import GRANTABLE, Role
from keysat_core.domain.actor import Scope
from keysat_core.domain.api_key import ApiKey, ApiKeyPage
from keysat_core.domain.ids import ApiKeyId
from keysat_core.domain.web_session import FoundSession, WebSession
from keysat_core.limits import WEB_SESSION_SECONDS
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.text import addresses, digests, names, texts


def api_keys(**fixed: Any) -> SearchStrategy[ApiKey]:
    """Keys of every role, also revoked ones."""
    return built(
        ApiKey,
        fixed,
        id=ids().map(ApiKeyId),
        label=names(),
        token_hash=digests(),
        role=st.sampled_from(Role),
        extra_scopes=st.sampled_from([(), tuple(sorted(GRANTABLE))]),
        created_at=instants(),
        last_used_at=st.none() | instants(),
        revoked_at=st.none() | instants(),
    )


def api_key_pages(**fixed: Any) -> SearchStrategy[ApiKeyPage]:
    """Some keys, of perhaps many more."""
    keys = st.lists(api_keys(), max_size=3).map(tuple)
    return built(ApiKeyPage, fixed, keys=keys, total=st.integers(3, 1_000))


@st.composite
def web_sessions(draw: st.DrawFn, /, **fixed: Any) -> WebSession:
    """Sessions that were seen, or were only begun, with the password or a key."""
    began = draw(instants())
    opened_with = draw(
        st.just({})
        | st.fixed_dictionaries({"api_key_id": ids().map(ApiKeyId)})
        | st.fixed_dictionaries({"master_key_hash": digests()})
    )
    session = built(
        WebSession,
        {"created_at": began, "expires_at": began + WEB_SESSION_SECONDS} | opened_with | fixed,
        token_hash=digests(),
        last_seen_at=st.just(began) | instants(began),
        ip=st.none() | addresses(),
        user_agent=st.none() | texts(),
    )
    return draw(session)


def found_sessions(**fixed: Any) -> SearchStrategy[FoundSession]:
    """Sessions that are open, with what they may do."""
    return built(
        FoundSession,
        fixed,
        session=web_sessions(),
        scopes=st.frozensets(st.sampled_from(Scope)),
        key=st.none() | api_keys(),
    )


ACCESS_STRATEGIES: Final[Mapping[type, Callable[[], SearchStrategy[Any]]]] = {
    ApiKey: api_keys,
    ApiKeyPage: api_key_pages,
    WebSession: web_sessions,
    FoundSession: found_sessions,
}
"""The structs of this file, for ``registration``."""
