"""Discount codes on the wire. Source: public-api 5.3, 7, 8; admin-api 2.1, 2.9."""

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.attribution import Attribution as Attributed
from keysat_core.domain.code import Code as DomainCode
from keysat_core.domain.code import CodeDuration, CodeKind
from keysat_core.domain.instant import rfc3339, rfc3339_or_none
from keysat_core.domain.money import Currency
from keysat_core.domain.redemption import Redemption as DomainRedemption
from keysat_core.domain.redemption import RedemptionStatus
from keysat_core.errors.purchase import CODE_PROBLEMS
from keysat_core.use_cases.codes.list_codes import CodePage, ShownCode
from keysat_core.use_cases.codes.preview_code import CodePreview as Preview
from keysat_core.use_cases.purchases.redeem_code import RedeemedCode


class DiscountCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code. ``amount`` is in basis points for ``percent``, else in ``discount_currency``.

    It is for the policies of ``applies_to_policy_ids``, and for any when that is empty.
    """

    id: str
    code: str
    kind: CodeKind
    amount: int
    discount_currency: Currency
    duration: CodeDuration
    max_uses: int | None
    used_count: int
    expires_at: str | None
    applies_to_product_id: str | None
    applies_to_policy_id: str | None
    applies_to_policy_ids: tuple[str, ...]
    referrer_label: str | None
    description: str
    active: bool
    featured: bool
    created_at: str
    updated_at: str


class DiscountCodeList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of codes, newest first; ``total`` counts all that match."""

    codes: list[DiscountCode]
    total: int


class CodeRedemption(msgspec.Struct, frozen=True, kw_only=True):
    """One use of a code."""

    id: str
    code_id: str
    invoice_id: str
    license_id: str | None
    status: RedemptionStatus
    discount_applied_sats: int
    base_price_sats: int
    final_price_sats: int
    created_at: str
    updated_at: str


class DiscountCodeDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A code and its uses, newest first."""

    code: DiscountCode
    redemptions: list[CodeRedemption]


class DeletedCode(msgspec.Struct, frozen=True, kw_only=True):
    """The code that is gone."""

    ok: bool
    deleted: str


class CodeCheck(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a code does to a price. With ``valid`` false only a reason, a message and the price."""

    valid: bool
    message: str
    base_price_sats: int
    reason: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    kind: CodeKind | UnsetType = UNSET
    is_free: bool | UnsetType = UNSET
    discount_applied_sats: int | UnsetType = UNSET
    final_price_sats: int | UnsetType = UNSET
    amount_pct: float | int | UnsetType | None = UNSET
    price_currency: Currency | UnsetType = UNSET
    base_value: int | UnsetType = UNSET
    final_value: int | UnsetType = UNSET


class Redeemed(msgspec.Struct, frozen=True, kw_only=True):
    """A license that was given for a code."""

    license_id: str
    license_key: str
    invoice_id: str
    redemption_id: str


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """What one code brought. Sats are those of paid invoices."""

    referrer_label: str | None
    code_id: str
    code: str
    redemptions: int
    paid_redemptions: int
    discount_applied_sats: int
    revenue_sats: int


class AttributionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What codes brought, most revenue first."""

    attributions: list[Attribution]
    redemptions: int
    revenue_sats: int


def code_view(code: DomainCode) -> DiscountCode:
    """Render a code."""
    return DiscountCode(
        id=code.id,
        code=code.code,
        kind=code.kind,
        amount=code.amount,
        discount_currency=code.currency,
        duration=code.duration,
        max_uses=code.max_uses,
        used_count=code.used_count,
        expires_at=rfc3339_or_none(code.expires_at),
        applies_to_product_id=code.product_id,
        applies_to_policy_id=code.policy_ids[0] if len(code.policy_ids) == 1 else None,
        applies_to_policy_ids=code.policy_ids,
        referrer_label=code.referrer_label,
        description=code.description,
        active=code.active,
        featured=code.featured,
        created_at=rfc3339(code.created_at),
        updated_at=rfc3339(code.updated_at),
    )


def code_list_view(page: CodePage) -> DiscountCodeList:
    """Render a page of codes."""
    return DiscountCodeList(codes=[code_view(code) for code in page.codes], total=page.total)


def code_detail_view(shown: ShownCode) -> DiscountCodeDetail:
    """Render a code with its uses."""
    return DiscountCodeDetail(
        code=code_view(shown.code),
        redemptions=[_redemption_view(one) for one in shown.redemptions],
    )


def code_check_view(preview: Preview) -> CodeCheck:
    """Render what a code does to a price."""
    base = preview.pricing.base_sats
    code = preview.code
    if code is None or preview.problem is not None:
        reason = preview.problem or "unknown_code"
        return CodeCheck(
            valid=False, reason=reason, message=CODE_PROBLEMS[reason], base_price_sats=base
        )
    pricing = preview.pricing
    is_percent = code.kind is CodeKind.PERCENT
    return CodeCheck(
        valid=True,
        code=code.code,
        kind=code.kind,
        is_free=preview.is_free,
        base_price_sats=base,
        discount_applied_sats=pricing.discount_sats,
        final_price_sats=pricing.final_sats,
        amount_pct=_percent(code.amount) if is_percent else None,
        message=_applied(preview),
        price_currency=preview.price.currency,
        base_value=preview.price.amount,
        final_value=pricing.final_value,
    )


def redeemed_view(redeemed: RedeemedCode) -> Redeemed:
    """Render a license that was given for a code."""
    return Redeemed(
        license_id=redeemed.license.id,
        license_key=redeemed.key,
        invoice_id=redeemed.invoice_id,
        redemption_id=redeemed.redemption.id,
    )


def attribution_view(attributed: list[Attributed]) -> AttributionReport:
    """Render what codes brought."""
    return AttributionReport(
        attributions=[
            Attribution(
                referrer_label=one.referrer_label,
                code_id=one.code_id,
                code=one.code,
                redemptions=one.redemptions,
                paid_redemptions=one.paid_redemptions,
                discount_applied_sats=one.discount_applied_sats,
                revenue_sats=one.revenue_sats,
            )
            for one in attributed
        ],
        redemptions=sum(one.redemptions for one in attributed),
        revenue_sats=sum(one.revenue_sats for one in attributed),
    )


def _redemption_view(redemption: DomainRedemption) -> CodeRedemption:
    return CodeRedemption(
        id=redemption.id,
        code_id=redemption.code_id,
        invoice_id=redemption.invoice_id,
        license_id=redemption.license_id,
        status=redemption.status,
        discount_applied_sats=redemption.discount_applied_sats,
        base_price_sats=redemption.base_price_sats,
        final_price_sats=redemption.final_price_sats,
        created_at=rfc3339(redemption.created_at),
        updated_at=rfc3339(redemption.updated_at),
    )


def _percent(bps: int) -> float | int:
    return bps // 100 if bps % 100 == 0 else bps / 100


def _applied(preview: Preview) -> str:
    if preview.is_free or preview.pricing.final_sats == 0:
        return "the code makes it free"
    return f"the code takes {preview.pricing.discount_sats} sats off"
