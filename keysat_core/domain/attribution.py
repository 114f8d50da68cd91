"""What a code brought in."""

import msgspec

from keysat_core.domain.ids import CodeId


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """The redeemed uses of one code in a time. ``revenue_sats`` is what their buyers paid."""

    code_id: CodeId
    code: str
    referrer_label: str | None
    redemptions: int
    paid_redemptions: int
    discount_applied_sats: int
    revenue_sats: int
