"""Issue many licenses by hand, all of them or none."""

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.grant import (
    Grant,
    Receiver,
    grant_audited,
    grant_told,
    granted_bytes,
    granted_license,
    with_receiver,
)
from keysat_core.domain.ids import EventId, LicenseId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License, key_of
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.domain.text import checked_range
from keysat_core.errors import InvariantError, NotFound
from keysat_core.limits import ISSUE_MANY_BYTES_MAX, ISSUE_MANY_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store, Transaction
from keysat_core.signing import SigningKey

Progress: TypeAlias = Callable[[int, int], None]
"""Told now and then how many of how many are done."""

_TOLD_EVERY: Final = 256

_TOO_LARGE: Final = (
    f"asks for more than {ISSUE_MANY_BYTES_MAX} bytes of licenses and keys; "
    "issue fewer at once, or with fewer entitlements"
)


def _untold(done: int, total: int) -> None:
    del done, total


class IssueLicenses(Grant, frozen=True, kw_only=True):
    """Licenses to give away on the same terms.

    ``receivers`` is empty, and all are for the receiver of the grant; or it has one for each
    license, in the order in which they are issued.
    """

    count: int
    receivers: tuple[Receiver, ...] = ()

    def __post_init__(self) -> None:
        checked_range(self.count, field="count", low=1, high=ISSUE_MANY_MAX)
        if self.receivers and len(self.receivers) != self.count:
            raise InvariantError("receivers", "must be one for each license, or none at all")


class IssuedLicenses(msgspec.Struct, frozen=True, kw_only=True):
    """The licenses and, in the same order, their keys."""

    licenses: tuple[License, ...]
    keys: tuple[str, ...]


class _Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is about to be written, and the keys."""

    licenses: list[License]
    keys: list[str]
    audits: list[AuditEntry]
    events: list[OutboxEvent]


def issue_licenses(
    actor: Actor,
    command: IssueLicenses,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    keys: KeyRing,
    progress: Progress = _untold,
) -> IssuedLicenses:
    """Issue licenses without invoices in one transaction; each is audited and told as if alone.

    Everything is made ready and signed before the store is locked, because others wait for it.
    ``progress`` is told now and then how many of how many are signed.

    Raises:
        Forbidden: the actor lacks ``licenses:write``.
        NotFound: no such product or policy.
        InvariantError: a field breaks a rule; nothing was issued.
    """
    authorize(actor, Scope.LICENSES_WRITE)
    now = clock.now()
    signing_key = keys.signing_key()
    with store.reading() as tx:
        product, policy = _resolve(tx, command)
    batch = _prepared(
        actor,
        command,
        product,
        policy,
        ids=ids,
        signing_key=signing_key,
        now=now,
        progress=progress,
    )
    with store.writing() as tx:
        found = _resolve(tx, command)
        current_key = keys.signing_key()
        if (found[0].id, found[1], current_key) != (product.id, policy, signing_key):
            # Somebody changed the tier just now, and its terms count as they are at issue; or
            # imported another key, and what the replaced one signed would verify no more.
            batch = _prepared(
                actor,
                command,
                *found,
                ids=ids,
                signing_key=current_key,
                now=now,
                progress=progress,
            )
        tx.licenses.add_licenses(batch.licenses)
        tx.trail.append_audits(batch.audits)
        tx.trail.append_events(batch.events)
    return IssuedLicenses(licenses=tuple(batch.licenses), keys=tuple(batch.keys))


def _prepared(
    actor: Actor,
    command: IssueLicenses,
    product: Product,
    policy: Policy | None,
    *,
    ids: Ids,
    signing_key: SigningKey,
    now: Instant,
    progress: Progress,
) -> _Batch:
    # In the order of their ids, so that each index over them grows page by page and not at random
    # all over the file; the store is locked for a much shorter time.
    license_ids = [LicenseId(text) for text in sorted(ids.new() for _ in range(command.count))]
    event_ids = sorted(ids.new() for _ in range(command.count))
    model = granted_license(command, product, policy, license_id=license_ids[0], now=now)
    if command.count * granted_bytes(model) > ISSUE_MANY_BYTES_MAX:
        raise InvariantError("count", _TOO_LARGE)
    licenses = [msgspec.structs.replace(model, id=license_id) for license_id in license_ids]
    if command.receivers:
        pairs = zip(licenses, command.receivers, strict=True)
        licenses = [with_receiver(license, receiver) for license, receiver in pairs]
    return _Batch(
        licenses=licenses,
        keys=_signed(licenses, signing_key, progress),
        audits=[grant_audited(actor, license, now) for license in licenses],
        events=[
            grant_told(license, EventId(event_id), now)
            for license, event_id in zip(licenses, event_ids, strict=True)
        ],
    )


def _signed(licenses: list[License], signing_key: SigningKey, progress: Progress) -> list[str]:
    keys: list[str] = []
    for start in range(0, len(licenses), _TOLD_EVERY):
        part = licenses[start : start + _TOLD_EVERY]
        keys += [key_of(license, signing_key) for license in part]
        progress(len(keys), len(licenses))
    return keys


def _resolve(tx: Transaction, command: IssueLicenses) -> tuple[Product, Policy | None]:
    product = tx.products.find_product_by_slug(command.product_slug)
    if product is None:
        raise NotFound("product", command.product_slug)
    if command.policy_slug is None:
        return product, None
    policy = tx.policies.find_policy_by_slug(product.id, command.policy_slug)
    if policy is None:
        raise NotFound("policy", command.policy_slug)
    return product, policy
