"""Change a discount code, or switch it on or off."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited, before_and_after
from keysat_core.domain.code import Code, CodeKind
from keysat_core.domain.document import JSONValue
from keysat_core.domain.events import CodeUpdated, outbox_event
from keysat_core.domain.ids import CodeId, EventId, PolicyId
from keysat_core.domain.instant import Instant, checked_instant, rfc3339_or_none
from keysat_core.domain.self_license import SelfLicense, refuse_beyond_cap
from keysat_core.domain.text import optional_text
from keysat_core.errors import InvariantError, NotFound
from keysat_core.limits import NAME_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction


class UpdateCode(msgspec.Struct, frozen=True, kw_only=True):
    """Fields to change; what is UNSET stays and None clears. Code, kind and product never change."""

    code_id: CodeId
    amount: int | UnsetType = UNSET
    max_uses: int | UnsetType | None = UNSET
    expires_at: Instant | UnsetType | None = UNSET
    description: str | UnsetType = UNSET
    referrer_label: str | UnsetType | None = UNSET
    featured: bool | UnsetType = UNSET
    policy_slugs: Sequence[str] | UnsetType = UNSET


class SetCodeActive(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a code may be used."""

    code_id: CodeId
    active: bool


def update_code(actor: Actor, command: UpdateCode, *, store: Store, clock: Clock, ids: Ids) -> Code:
    """Store a changed code. An empty change is answered with the code as it is.

    Raises:
        Forbidden: the actor lacks ``discount_codes:write``.
        NotFound: no such code or policy.
        InvariantError: a field breaks a rule, or the cap is below the uses there are.
    """
    authorize(actor, Scope.DISCOUNT_CODES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        code = tx.codes.get_code(command.code_id)
        changes = _changes(tx, code, command)
        if not changes:
            return code
        before = code
        code = msgspec.structs.replace(before, updated_at=now, **changes)
        if code.max_uses is not None and "max_uses" in changes and code.max_uses < code.used_count:
            raise InvariantError(
                "max_uses", f"must be at least {code.used_count}, the uses there are already"
            )
        tx.codes.put_code(code)
        told = before_and_after(before, code, changes)
        if "expires_at" in changes:
            changes["expires_at"] = rfc3339_or_none(code.expires_at)
        tx.trail.append_audit(
            audited(
                actor,
                "discount_code.update",
                now,
                target=("discount_code", code.id),
                **changes,
                **told,
            )
        )
        event = CodeUpdated(code_id=code.id, fields=tuple(changes))
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return code


def set_code_active(
    actor: Actor,
    command: SetCodeActive,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    self_license: SelfLicense,
) -> Code:
    """Switch a code on or off; one that is as asked for stays as it is.

    Raises:
        Forbidden: the actor lacks ``discount_codes:write``.
        NotFound: no such code.
        TierCapReached: the operator's tier allows no more active codes (D32, B-24).
    """
    authorize(actor, Scope.DISCOUNT_CODES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        code = tx.codes.get_code(command.code_id)
        if code.active is command.active:
            return code
        if command.active:
            refuse_beyond_cap(
                self_license,
                noun="active discount codes",
                cap=self_license.codes_cap,
                count=tx.codes.count_codes(is_inactive_included=False),
            )
        code = msgspec.structs.replace(code, active=command.active, updated_at=now)
        tx.codes.put_code(code)
        action = "discount_code.enable" if code.active else "discount_code.disable"
        tx.trail.append_audit(
            audited(actor, action, now, target=("discount_code", code.id), active=code.active)
        )
        event = CodeUpdated(code_id=code.id, fields=("active",))
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return code


def _changes(tx: Transaction, code: Code, command: UpdateCode) -> dict[str, JSONValue]:
    changes: dict[str, JSONValue] = {
        field: value
        for field in ("amount", "max_uses", "expires_at", "description", "featured")
        if (value := getattr(command, field)) is not UNSET
    }
    if isinstance(command.expires_at, int):
        changes["expires_at"] = checked_instant(command.expires_at, field="expires_at")
    if not isinstance(command.referrer_label, UnsetType):
        changes["referrer_label"] = optional_text(
            command.referrer_label, field="referrer_label", chars_max=NAME_CHARS_MAX
        )
    if not isinstance(command.policy_slugs, UnsetType):
        changes["policy_ids"] = _policy_ids(tx, code, command.policy_slugs)
    if code.kind is CodeKind.FREE_LICENSE and changes.get("amount") not in {None, 0}:
        raise InvariantError("amount", "must be 0: a free-license code has no amount")
    return {field: value for field, value in changes.items() if value != getattr(code, field)}


def _policy_ids(tx: Transaction, code: Code, slugs: Sequence[str]) -> tuple[PolicyId, ...]:
    if code.product_id is None:
        raise InvariantError("policy_slugs", "the code is for no product, so for no policy of one")
    found: dict[PolicyId, None] = {}
    for slug in slugs:
        policy = tx.policies.find_policy_by_slug(code.product_id, slug)
        if policy is None:
            raise NotFound("policy", slug)
        found[policy.id] = None
    return tuple(found)
