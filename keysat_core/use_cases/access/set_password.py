"""Set or clear the password of the admin pages."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import WebPasswordChanged, outbox_event
from keysat_core.domain.ids import EventId
from keysat_core.domain.secret import Secret
from keysat_core.domain.setting import WEB_PASSWORD_HASH
from keysat_core.domain.web_password import checked_web_password
from keysat_core.errors import WebPasswordUnset
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.passwords import Passwords
from keysat_core.ports.store import Store

TARGET = ("settings", WEB_PASSWORD_HASH)
"""Of its audit rows (admin-api 6)."""


def set_password(
    actor: Actor,
    password: Secret,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    passwords: Passwords | None,
) -> int:
    """Let people sign in with this password, end every session, and give how many there were.

    Raises:
        Forbidden: the actor does not hold the master key.
        InvariantError: the password is too short or too long.
        WebPasswordUnset: there is nothing here to hash it with.
    """
    authorize(actor, Scope.MASTER)
    if passwords is None:
        raise WebPasswordUnset
    now = clock.now()
    hashed = passwords.hash_password(checked_web_password(password))
    with store.writing() as tx:
        tx.settings.put_setting(WEB_PASSWORD_HASH, hashed, now)
        ended = tx.web_sessions.remove_all()
        tx.trail.append_audit(audited(actor, "web_ui.set_password", now, target=TARGET, ok=True))
        event = WebPasswordChanged(is_set=True, ended_sessions=ended)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return ended


def clear_password(actor: Actor, *, store: Store, clock: Clock, ids: Ids) -> int:
    """Let nobody sign in any more, end every session, and give how many there were.

    Raises:
        Forbidden: the actor does not hold the master key.
    """
    authorize(actor, Scope.MASTER)
    now = clock.now()
    with store.writing() as tx:
        tx.settings.put_setting(WEB_PASSWORD_HASH, None, now)
        ended = tx.web_sessions.remove_all()
        tx.trail.append_audit(audited(actor, "web_ui.clear_password", now, target=TARGET))
        event = WebPasswordChanged(is_set=False, ended_sessions=ended)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return ended


def is_password_set(*, store: Store) -> bool:
    """Tell whether anybody can sign in with a password; the login page asks before anybody has."""
    with store.reading() as tx:
        return tx.settings.find_setting(WEB_PASSWORD_HASH) is not None
