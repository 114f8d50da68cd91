"""Create a discount code."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.code import Code, CodeDuration, CodeKind, normal_code
from keysat_core.domain.events import CodeCreated, outbox_event
from keysat_core.domain.ids import CodeId, EventId, PolicyId, ProductId
from keysat_core.domain.instant import Instant, checked_instant, rfc3339_or_none
from keysat_core.domain.money import Currency, parse_currency
from keysat_core.domain.self_license import SelfLicense, refuse_beyond_cap
from keysat_core.domain.text import optional_text
from keysat_core.errors import InvariantError, NotFound, SlugTaken
from keysat_core.limits import NAME_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction

_Word = TypeVar("_Word", CodeKind, CodeDuration)


class CreateCode(msgspec.Struct, frozen=True, kw_only=True):
    """A new code; units as in ``Code``. No ``policy_slugs``: for any policy."""

    code: str
    kind: str
    amount: int = 0
    discount_currency: str | None = None
    duration: str = CodeDuration.ONCE
    max_uses: int | None = None
    expires_at: Instant | None = None
    product_slug: str | None = None
    policy_slugs: Sequence[str] = ()
    referrer_label: str | None = None
    description: str = ""
    featured: bool = False


def create_code(
    actor: Actor,
    command: CreateCode,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    self_license: SelfLicense,
) -> Code:
    """Store a new, active code.

    Source: admin-api 2.9; order of checks: scope, cap, slugs, currency, fields.

    Raises:
        Forbidden: the actor lacks ``discount_codes:write``.
        TierCapReached: the operator's tier allows no more active codes.
        NotFound: no such product or policy.
        InvariantError: a field breaks a rule.
        SlugTaken: another code is spelled the same.
    """
    authorize(actor, Scope.DISCOUNT_CODES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        refuse_beyond_cap(
            self_license,
            noun="active discount codes",
            cap=self_license.codes_cap,
            count=tx.codes.count_codes(is_inactive_included=False),
        )
        product_id, policy_ids = _scope(tx, command)
        code = _code(command, CodeId(ids.new()), product_id, policy_ids, now)
        if tx.codes.find_code_by_text(code.code) is not None:
            raise SlugTaken("code", code.code)
        tx.codes.put_code(code)
        tx.trail.append_audit(
            audited(
                actor,
                "discount_code.create",
                now,
                target=("discount_code", code.id),
                code=code.code,
                kind=code.kind,
                amount=code.amount,
                discount_currency=code.currency,
                max_uses=code.max_uses,
                expires_at=rfc3339_or_none(code.expires_at),
                product_id=code.product_id,
                policy_id=code.policy_ids[0] if len(code.policy_ids) == 1 else None,
                policy_ids=code.policy_ids,
                referrer_label=code.referrer_label,
            )
        )
        event = CodeCreated(code_id=code.id, code=code.code)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return code


def _scope(tx: Transaction, command: CreateCode) -> tuple[ProductId | None, tuple[PolicyId, ...]]:
    if command.product_slug is None:
        if command.policy_slugs:
            raise InvariantError("policy_slugs", "a code for single policies needs product_slug")
        return None, ()
    product = tx.products.find_product_by_slug(command.product_slug)
    if product is None:
        raise NotFound("product", command.product_slug)
    found: dict[PolicyId, None] = {}
    for slug in command.policy_slugs:
        policy = tx.policies.find_policy_by_slug(product.id, slug)
        if policy is None:
            raise NotFound("policy", slug)
        found[policy.id] = None
    return product.id, tuple(found)


def _code(
    command: CreateCode,
    code_id: CodeId,
    product_id: ProductId | None,
    policy_ids: tuple[PolicyId, ...],
    now: Instant,
) -> Code:
    currency = Currency.SAT
    if command.discount_currency:
        currency = parse_currency(command.discount_currency, field="discount_currency")
    kind = _read(CodeKind, command.kind, field="kind")
    if kind is CodeKind.FREE_LICENSE and command.amount < 0:
        raise InvariantError("amount", "must not be negative")
    expires_at = command.expires_at
    if expires_at is not None:
        expires_at = checked_instant(expires_at, field="expires_at")
    return Code(
        id=code_id,
        code=normal_code(command.code),
        kind=kind,
        amount=0 if kind is CodeKind.FREE_LICENSE else command.amount,
        currency=currency,
        duration=_read(CodeDuration, command.duration, field="duration"),
        max_uses=command.max_uses,
        expires_at=expires_at,
        product_id=product_id,
        policy_ids=policy_ids,
        referrer_label=optional_text(
            command.referrer_label, field="referrer_label", chars_max=NAME_CHARS_MAX
        ),
        description=command.description,
        featured=command.featured,
        created_at=now,
        updated_at=now,
    )


def _read(words: type[_Word], text: str, *, field: str) -> _Word:
    try:
        return words(text)
    except ValueError:
        raise InvariantError(field, f"must be one of {', '.join(words)}") from None
