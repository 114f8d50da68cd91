"""The seller's name, as buyers see it. Source: admin-api 2.12."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import SettingChanged, outbox_event
from keysat_core.domain.ids import EventId
from keysat_core.domain.setting import OPERATOR_NAME
from keysat_core.domain.text import optional_text
from keysat_core.limits import NAME_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


def show_operator_name(actor: Actor, *, store: Store) -> str | None:
    """Give the name as set while running; None when it never was.

    Raises:
        Forbidden: the actor lacks ``settings:read``.
    """
    authorize(actor, Scope.SETTINGS_READ)
    with store.reading() as tx:
        return tx.settings.find_setting(OPERATOR_NAME)


def set_operator_name(
    actor: Actor, name: str | None, *, store: Store, clock: Clock, ids: Ids
) -> str | None:
    """Show buyers another name from the next page on; a blank one takes it away.

    Raises:
        Forbidden: the actor does not hold the master key.
        InvariantError: it is too long, or cannot be stored.
    """
    authorize(actor, Scope.MASTER)
    chosen = optional_text(name, field="name", chars_max=NAME_CHARS_MAX)
    now = clock.now()
    with store.writing() as tx:
        before = tx.settings.find_setting(OPERATOR_NAME)
        tx.settings.put_setting(OPERATOR_NAME, chosen, now)
        target = ("setting", OPERATOR_NAME)
        tx.trail.append_audit(
            audited(
                actor,
                "operator_name.set",
                now,
                target=target,
                value=chosen,
                before=before,
                after=chosen,
            )
        )
        event = SettingChanged(setting=OPERATOR_NAME, value=chosen or "")
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return chosen
