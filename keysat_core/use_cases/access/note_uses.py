"""Keep when API keys and sessions were last used."""

from collections.abc import Mapping

from keysat_core.domain.ids import ApiKeyId
from keysat_core.domain.instant import Instant
from keysat_core.domain.web_session import is_live, seen
from keysat_core.ports.store import Store


def note_uses(
    keys: Mapping[ApiKeyId, Instant], sessions: Mapping[str, Instant], *, store: Store
) -> None:
    """Write the last uses of keys by their id, and of sessions by their hash.

    A session that was used lasts longer; one that has ended meanwhile stays ended.
    """
    with store.writing() as tx:
        for key_id, at in keys.items():
            tx.api_keys.note_used(key_id, at)
        for token_hash, at in sessions.items():
            session = tx.web_sessions.find_session(token_hash)
            if session is None or not is_live(session, at):
                continue
            if (longer := seen(session, at)) is not None:
                tx.web_sessions.put_session(longer)
