"""Events about who may do what on this server: never delivered to subscribers."""

from keysat_core.domain.events.event import Event


class ApiKeyCreated(Event, frozen=True, kw_only=True):
    """An operator made an API key."""

    event_type = "api_key.created"
    is_published = False
    api_key_id: str
    role: str
    scopes: tuple[str, ...]


class ApiKeyRevoked(Event, frozen=True, kw_only=True):
    """An operator revoked an API key."""

    event_type = "api_key.revoked"
    is_published = False
    api_key_id: str


class WebPasswordChanged(Event, frozen=True, kw_only=True):
    """An operator set or cleared the password of the admin pages; every session has ended."""

    event_type = "web_password.changed"
    is_published = False
    is_set: bool
    ended_sessions: int
