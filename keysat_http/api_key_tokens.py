"""API keys as credentials: one point read for a token that looks like one. Source: admin-api 1.2."""

from functools import partial

from keysat_core.domain.actor import ActorKind
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.access.list_keys import find_key_of
from keysat_http.auth import Credential
from keysat_http.uses import UseBook


class ApiKeyTokens:
    """Implements ``auth.CredentialSource``. Nothing is kept, so a revoked key is refused at once."""

    def __init__(self, ports: Ports, uses: UseBook) -> None:
        self._ports = ports
        self._uses = uses

    def find_credential(self, token: bytes) -> Credential | None:
        """Give what the token of a live key may do.

        Raises:
            ServerFault: the store failed, which says nothing of the token.
        """
        key = find_key_of(token, store=self._ports.store)
        if key is None:
            return None
        return Credential(
            kind=ActorKind.SCOPED_API_KEY,
            id=key.id,
            hash=key.token_hash,
            scopes=key.scopes,
            note_use=partial(
                self._uses.note_key, key.id, key.last_used_at, self._ports.clock.now()
            ),
        )
