"""Values an operator sets while the server runs."""

import re
from decimal import Decimal
from typing import Final

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import RatePinned, SettingChanged, outbox_event
from keysat_core.domain.ids import EventId
from keysat_core.domain.money import Currency
from keysat_core.domain.setting import (
    ACCEPT_LATE_PAYMENTS,
    OPERATOR_NAME,
    RATE_PIN_PREFIX,
    TIPS_DAILY_CAP_SATS,
    is_on,
    on_or_off,
)
from keysat_core.domain.text import checked_range
from keysat_core.domain.tip_terms import read_cap
from keysat_core.errors import InvariantError
from keysat_core.limits import AMOUNT_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store

_PLAIN_DECIMAL: Final = re.compile(r"[0-9]{1,10}(?:\.[0-9]{0,12})?")
"""A price as people write it. Only what every reader of a pin understands may be stored."""


def find_operator_name(*, store: Store) -> str | None:
    """Give the seller's name as set while running; None when it never was."""
    with store.reading() as tx:
        return tx.settings.find_setting(OPERATOR_NAME)


def pin_rate(
    actor: Actor,
    currency: Currency,
    units_per_btc: str | None,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> None:
    """Fix what a bitcoin costs in a fiat currency; None removes the pin.

    Raises:
        Forbidden: the actor lacks ``rates:write``.
        InvariantError: SAT, or not a positive decimal number.
    """
    authorize(actor, Scope.RATES_WRITE)
    if currency is Currency.SAT:
        raise InvariantError("currency", "only USD and EUR have a rate")
    if units_per_btc is not None:
        _check_rate(units_per_btc)
    now = clock.now()
    with store.writing() as tx:
        before = tx.settings.find_setting(RATE_PIN_PREFIX + currency)
        tx.settings.put_setting(RATE_PIN_PREFIX + currency, units_per_btc, now)
        tx.trail.append_audit(
            audited(
                actor,
                "rate.pin",
                now,
                target=("rate", currency),
                units_per_btc=units_per_btc,
                before=before,
                after=units_per_btc,
            )
        )
        event = RatePinned(currency=currency, units_per_btc=units_per_btc)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))


def show_late_payments(actor: Actor, *, store: Store) -> bool:
    """Tell whether a payment that came after expiry is accepted once it is final (decisions 17).

    Raises:
        Forbidden: the actor lacks ``settings:read``.
    """
    authorize(actor, Scope.SETTINGS_READ)
    with store.reading() as tx:
        return is_on(tx.settings.find_setting(ACCEPT_LATE_PAYMENTS))


def set_late_payments(
    actor: Actor, *, is_accepted: bool, store: Store, clock: Clock, ids: Ids
) -> None:
    """Accept late payments by themselves from now on, or let them wait for the operator.

    Payments that wait already are accepted when they are next asked about.

    Raises:
        Forbidden: the actor does not hold the master key.
    """
    authorize(actor, Scope.MASTER)
    now = clock.now()
    with store.writing() as tx:
        before = is_on(tx.settings.find_setting(ACCEPT_LATE_PAYMENTS))
        tx.settings.put_setting(ACCEPT_LATE_PAYMENTS, on_or_off(is_accepted), now)
        target = ("setting", ACCEPT_LATE_PAYMENTS)
        tx.trail.append_audit(
            audited(
                actor,
                "setting.accept_late_payments",
                now,
                target=target,
                enabled=is_accepted,
                before=before,
                after=is_accepted,
            )
        )
        event = SettingChanged(setting=ACCEPT_LATE_PAYMENTS, value=on_or_off(is_accepted))
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))


def find_tips_cap(actor: Actor, *, store: Store) -> int | None:
    """Give the most that is tipped within 24 hours, in sats; None when there is no cap.

    Raises:
        Forbidden: the actor lacks ``policies:read``.
    """
    authorize(actor, Scope.POLICIES_READ)
    with store.reading() as tx:
        return read_cap(tx.settings.find_setting(TIPS_DAILY_CAP_SATS))


def cap_tips(actor: Actor, sats: int | None, *, store: Store, clock: Clock, ids: Ids) -> None:
    """Limit what is tipped within 24 hours; 0 stops tips, None lifts the cap.

    Whoever may choose what is tipped must not be the one to lift what bounds it.

    Raises:
        Forbidden: the actor does not hold the master key.
        InvariantError: less than nothing, or more than there is.
    """
    authorize(actor, Scope.MASTER)
    if sats is not None:
        checked_range(sats, field="tips_daily_cap_sats", low=0, high=AMOUNT_MAX)
    now = clock.now()
    with store.writing() as tx:
        before = read_cap(tx.settings.find_setting(TIPS_DAILY_CAP_SATS))
        tx.settings.put_setting(TIPS_DAILY_CAP_SATS, None if sats is None else str(sats), now)
        tx.trail.append_audit(
            audited(
                actor,
                "tips.cap",
                now,
                target=("setting", TIPS_DAILY_CAP_SATS),
                daily_cap_sats=sats,
                before=before,
                after=sats,
            )
        )
        event = SettingChanged(setting=TIPS_DAILY_CAP_SATS, value="" if sats is None else str(sats))
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))


def _check_rate(text: str) -> None:
    if not _PLAIN_DECIMAL.fullmatch(text) or not Decimal(text):
        raise InvariantError(
            "units_per_btc", "must be a positive decimal number without exponent, such as 65000.50"
        )
