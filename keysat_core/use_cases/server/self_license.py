"""The license this server runs on: show it, look at it again, and exchange it.

Source: admin-api 2.13; lifecycles 11.2; B-01, B-29, D31.
"""

from contextlib import ExitStack

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import SettingChanged, outbox_event
from keysat_core.domain.ids import EventId, LicenseId
from keysat_core.domain.license import License
from keysat_core.domain.own_license import (
    HeldLicense,
    Licensed,
    Standing,
    Unlicensed,
    ceiling_after,
    narrowed,
    read_own_key,
    standing_at,
)
from keysat_core.domain.secret import Secret
from keysat_core.errors import InvariantError, ServerFault
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.self_licenses import SelfLicenses
from keysat_core.ports.store import Store


class ActivatedLicense(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force now. ``is_overruled``: the environment gives another key, which counts."""

    license_id: LicenseId
    standing: Standing
    is_overruled: bool


def show_self_license(actor: Actor, *, self_licenses: SelfLicenses, clock: Clock) -> Standing:
    """Give the license in force, or why there is none.

    Raises:
        Forbidden: the actor lacks ``tier:read``.
    """
    authorize(actor, Scope.TIER_READ)
    return standing_at(self_licenses.held().standing, clock.now())


def refresh_self_license(
    actor: Actor, *, store: Store, clock: Clock, self_licenses: SelfLicenses
) -> Standing:
    """Look at the key and at the license's row again, and give what is in force.

    Raises:
        Forbidden: the actor lacks ``tier:read``.
    """
    authorize(actor, Scope.TIER_READ)
    return _looked_at(store, clock, self_licenses)


def reload_self_license(*, store: Store, clock: Clock, self_licenses: SelfLicenses) -> Standing:
    """Do the same as the server itself: at start, and every so often. It never fails."""
    return _looked_at(store, clock, self_licenses)


def activate_self_license(
    actor: Actor,
    license_key: str,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    self_licenses: SelfLicenses,
) -> ActivatedLicense:
    """Keep a license key and run on it from now on.

    The key is kept as the last step of the transaction, and taken back if that is not committed, so
    that it never counts unaudited.

    Raises:
        Forbidden: the actor does not hold the master key.
        InvariantError: there is no key.
        BadKeyFormat, BadKeySignature, KeyExpired: it is no license of Keysat's; nothing changes.
        LicenseFileUnwritable: it cannot be kept; nothing changes.
    """
    authorize(actor, Scope.MASTER)
    key = license_key.strip()
    if not key:
        raise InvariantError("license_key", "is required")
    now = clock.now()
    payload = self_licenses.trust_root.verify(key, now=now).payload
    with ExitStack() as uncommitted:
        with store.writing() as tx:
            tx.trail.append_audit(
                audited(
                    actor,
                    "self_license.activate",
                    now,
                    target=("license", payload.license_id),
                    product_id=payload.product_id,
                    expires_at=payload.expires_at,
                    entitlements=list(payload.entitlements),
                    is_overruled=self_licenses.is_variable_set,
                )
            )
            event = SettingChanged(setting="self_license", value=payload.license_id)
            tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
            uncommitted.callback(self_licenses.write_key(Secret(key)))
        uncommitted.pop_all()
    return ActivatedLicense(
        license_id=LicenseId(payload.license_id),
        standing=_looked_at(store, clock, self_licenses),
        is_overruled=self_licenses.is_variable_set,
    )


def _looked_at(store: Store, clock: Clock, self_licenses: SelfLicenses) -> Standing:
    now = clock.now()
    key = self_licenses.find_key()
    found = None if key is None else read_own_key(key, self_licenses.trust_root, now=now)
    before = self_licenses.held()
    ceiling = ceiling_after(before, found)
    standing: Standing
    if ceiling is None:
        standing = found if isinstance(found, Unlicensed) else before.standing
    else:
        standing = _left_of(ceiling, before, store)
    self_licenses.hold(HeldLicense(ceiling=ceiling, standing=standing))
    return standing_at(standing, now)


def _left_of(ceiling: Licensed, before: HeldLicense, store: Store) -> Standing:
    try:
        row = _find_row(store, ceiling.license_id)
    except ServerFault:
        # What a row said before still counts while it cannot be read.
        return before.standing if ceiling == before.ceiling else ceiling
    return narrowed(ceiling, row)


def _find_row(store: Store, license_id: LicenseId) -> License | None:
    with store.reading() as tx:
        return tx.licenses.find_license(license_id)
