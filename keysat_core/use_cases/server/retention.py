"""How long validations and deliveries are kept."""

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited, before_and_after
from keysat_core.domain.events import SettingChanged, outbox_event
from keysat_core.domain.ids import EventId
from keysat_core.domain.retention import (
    VALIDATION_DAYS_DEFAULT,
    Retention,
    read_days,
    spell_days,
)
from keysat_core.domain.setting import RETENTION_DELIVERY_DAYS, RETENTION_VALIDATION_DAYS
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction


class ChangeRetention(msgspec.Struct, frozen=True, kw_only=True):
    """Whole days to keep; what is UNSET stays, and None keeps for ever."""

    validation_days: int | UnsetType | None = UNSET
    delivery_days: int | UnsetType | None = UNSET


def show_retention(actor: Actor, *, store: Store) -> Retention:
    """Tell how long validations and deliveries are kept.

    Raises:
        Forbidden: the actor lacks ``settings:read``.
    """
    authorize(actor, Scope.SETTINGS_READ)
    return _current(store)


def find_retention(*, store: Store) -> Retention:
    """Tell the server itself how long to keep."""
    return _current(store)


def change_retention(
    actor: Actor, command: ChangeRetention, *, store: Store, clock: Clock, ids: Ids
) -> Retention:
    """Keep validations and deliveries for so many days from now on; older ones go within the hour.

    Raises:
        Forbidden: the actor does not hold the master key.
        InvariantError: fewer days than one, or too many.
    """
    authorize(actor, Scope.MASTER)
    now = clock.now()
    with store.writing() as tx:
        before = _read(tx)
        validation_days, delivery_days = command.validation_days, command.delivery_days
        chosen = Retention(
            validation_days=before.validation_days
            if isinstance(validation_days, UnsetType)
            else validation_days,
            delivery_days=before.delivery_days
            if isinstance(delivery_days, UnsetType)
            else delivery_days,
        )
        if chosen == before:
            return before
        tx.settings.put_setting(RETENTION_VALIDATION_DAYS, spell_days(chosen.validation_days), now)
        tx.settings.put_setting(RETENTION_DELIVERY_DAYS, spell_days(chosen.delivery_days), now)
        tx.trail.append_audit(
            audited(
                actor,
                "setting.retention",
                now,
                target=("setting", "retention"),
                validation_days=chosen.validation_days,
                delivery_days=chosen.delivery_days,
                **before_and_after(before, chosen, Retention.__struct_fields__),
            )
        )
        said = f"{spell_days(chosen.validation_days)}/{spell_days(chosen.delivery_days)}"
        event = SettingChanged(setting="retention", value=said)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return chosen


def _current(store: Store) -> Retention:
    with store.reading() as tx:
        return _read(tx)


def _read(tx: Transaction) -> Retention:
    find = tx.settings.find_setting
    return Retention(
        validation_days=read_days(find(RETENTION_VALIDATION_DAYS), default=VALIDATION_DAYS_DEFAULT),
        delivery_days=read_days(find(RETENTION_DELIVERY_DAYS), default=None),
    )
