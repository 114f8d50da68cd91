"""A credential of every role of API keys."""

from dataclasses import dataclass
from hashlib import sha256

from keysat_core.domain.access import Role, scopes_of
from keysat_core.domain.actor import ActorKind
from keysat_http.auth import Credential


@dataclass(frozen=True, kw_only=True)
class RoleTokens:
    """Knows one token for each role: its name."""

    def find_credential(self, token: bytes) -> Credential | None:
        name = token.decode("latin-1")
        if name not in set(Role):
            return None
        return Credential(
            kind=ActorKind.SCOPED_API_KEY,
            id=name,
            hash=sha256(token).hexdigest(),
            scopes=scopes_of(Role(name)),
        )
