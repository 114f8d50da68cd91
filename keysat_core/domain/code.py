"""Discount codes: what one takes off a price, for whom, and how many uses are left (lifecycles 6.1)."""

import re
from enum import StrEnum
from typing import Final, Self

import msgspec

from keysat_core.domain.ids import CodeId, PolicyId, ProductId
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency
from keysat_core.domain.text import checked_range, checked_text
from keysat_core.errors import CodeRefused, InvariantError
from keysat_core.limits import (
    AMOUNT_MAX,
    CODE_CHARS_MAX,
    CODE_POLICIES_MAX,
    CODE_USES_MAX,
    DESCRIPTION_CHARS_MAX,
    NAME_CHARS_MAX,
)

BPS_WHOLE: Final = 10_000
"""Basis points of the whole."""

_CODE: Final = re.compile(r"[A-Z0-9_-]+")


class CodeKind(StrEnum):
    """What ``amount`` means (lifecycles 6.1)."""

    PERCENT = "percent"
    """Basis points off."""
    FIXED = "fixed_sats"
    """An amount off, in the code's own currency whatever the name says."""
    SET_PRICE = "set_price"
    """The price to pay, in the code's own currency."""
    FREE_LICENSE = "free_license"
    """Nothing is to be paid; the amount is 0."""


class CodeDuration(StrEnum):
    """For how many cycles of a subscription a code counts (decisions 7)."""

    ONCE = "once"
    FOREVER = "forever"


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """A discount, referral or free-license code.

    ``max_uses`` None: no cap. ``policy_ids`` empty: any policy of the product, and without a product
    any at all. ``used_count`` counts the uses that are pending or redeemed.
    """

    id: CodeId
    code: str
    kind: CodeKind
    amount: int
    currency: Currency = Currency.SAT
    duration: CodeDuration = CodeDuration.ONCE
    max_uses: int | None = None
    used_count: int = 0
    expires_at: Instant | None = None
    product_id: ProductId | None = None
    policy_ids: tuple[PolicyId, ...] = ()
    referrer_label: str | None = None
    description: str = ""
    active: bool = True
    featured: bool = False
    created_at: Instant
    updated_at: Instant

    def __post_init__(self) -> None:
        if len(self.code) > CODE_CHARS_MAX or not _CODE.fullmatch(self.code):
            raise InvariantError(
                "code", f"must hold only A-Z, 0-9, '-' and '_' (at most {CODE_CHARS_MAX})"
            )
        low, high = AMOUNTS[self.kind]
        checked_range(self.amount, field="amount", low=low, high=high)
        if self.max_uses is not None:
            checked_range(self.max_uses, field="max_uses", low=1, high=CODE_USES_MAX)
        checked_range(self.used_count, field="used_count", low=0, high=AMOUNT_MAX)
        if self.policy_ids and self.product_id is None:
            raise InvariantError("policy_slugs", "a code for single policies needs product_slug")
        if len(self.policy_ids) > CODE_POLICIES_MAX:
            raise InvariantError("policy_slugs", f"must name at most {CODE_POLICIES_MAX} policies")
        checked_text(self.description, field="description", chars_max=DESCRIPTION_CHARS_MAX)
        if self.referrer_label is not None:
            checked_text(
                self.referrer_label,
                field="referrer_label",
                chars_max=NAME_CHARS_MAX,
                required=True,
            )

    @property
    def remaining_uses(self) -> int | None:
        """How often it may still be used; None: as often as anybody likes."""
        return None if self.max_uses is None else max(0, self.max_uses - self.used_count)

    def is_expired(self, now: Instant) -> bool:
        """Whether its time is over: from ``expires_at`` on (lifecycles 6.2)."""
        return self.expires_at is not None and now >= self.expires_at

    def reserve(self, now: Instant) -> Self:
        """Take one use, which holds until the sale ends unpaid (lifecycles 6.4).

        Raises:
            CodeRefused: disabled, expired or exhausted, in this order.
        """
        if not self.active:
            raise CodeRefused("disabled")
        if self.is_expired(now):
            raise CodeRefused("expired")
        if self.remaining_uses == 0:
            raise CodeRefused("exhausted")
        return self.take()

    def take(self) -> Self:
        """Count one use more, also beyond the cap: a buyer who paid is never refused (D17)."""
        return msgspec.structs.replace(self, used_count=self.used_count + 1)

    def release(self) -> Self:
        """Give one use back."""
        return msgspec.structs.replace(self, used_count=max(0, self.used_count - 1))


AMOUNTS: Final = {
    CodeKind.PERCENT: (0, BPS_WHOLE),
    CodeKind.FIXED: (1, AMOUNT_MAX),
    CodeKind.SET_PRICE: (1, AMOUNT_MAX),
    CodeKind.FREE_LICENSE: (0, 0),
}
"""The least and the most that ``amount`` may be."""


def normal_code(text: str) -> str:
    """Spell a code as it is stored and looked up: trimmed, in capitals."""
    return text.strip().upper()


def discount(kind: CodeKind, amount: int, base: int) -> int:
    """Give what is taken off ``base``, both in the same unit; never more than the base.

    Source: lifecycles 6.1, table of kinds.
    """
    match kind:
        case CodeKind.PERCENT:
            return base * min(max(amount, 0), BPS_WHOLE) // BPS_WHOLE
        case CodeKind.FIXED:
            return min(amount, base)
        case CodeKind.SET_PRICE:
            return max(0, base - amount)
        case CodeKind.FREE_LICENSE:
            return base
