"""What the commands of discount codes show to people."""

from collections.abc import Sequence
from typing import Final

from keysat_cli.output import facts, listing, money_text, time_text
from keysat_core.domain.attribution import Attribution
from keysat_core.domain.code import Code, CodeKind
from keysat_core.domain.money import Money
from keysat_core.use_cases.codes.list_codes import CodePage, ShownCode
from keysat_core.use_cases.codes.preview_code import CodePreview

HEADINGS: Final = ("code", "kind", "amount", "uses", "active", "featured", "expires", "referrer")
USE_HEADINGS: Final = ("use", "invoice", "sats", "since")
REPORT: Final = ("referrer", "code", "uses", "paid", "revenue in sats", "discount in sats")


def code_lines(code: Code) -> list[str]:
    """Give the facts about a code."""
    return facts(
        [
            ("id", code.id),
            ("code", code.code),
            ("kind", code.kind),
            ("amount", amount_text(code)),
            ("duration", code.duration),
            ("uses", _uses(code)),
            ("expires", time_text(code.expires_at)),
            ("product", code.product_id),
            ("tiers", code.policy_ids),
            ("referrer", code.referrer_label),
            ("description", code.description),
            ("active", code.active),
            ("featured", code.featured),
            ("created at", time_text(code.created_at)),
            ("updated at", time_text(code.updated_at)),
        ]
    )


def code_detail_lines(shown: ShownCode) -> list[str]:
    """Give the facts about a code and a table of its uses."""
    rows = [
        (one.status, one.invoice_id, one.final_price_sats, time_text(one.updated_at))
        for one in shown.redemptions
    ]
    return [*code_lines(shown.code), "", *listing(USE_HEADINGS, rows, noun="uses")]


def code_list_lines(page: CodePage) -> list[str]:
    """Give a table of codes."""
    rows = [
        (
            one.code,
            one.kind,
            amount_text(one),
            _uses(one),
            one.active,
            one.featured,
            time_text(one.expires_at),
            one.referrer_label,
        )
        for one in page.codes
    ]
    return listing(HEADINGS, rows, noun="codes")


def preview_lines(found: CodePreview, message: str) -> list[str]:
    """Tell what a code does to a price; ``message`` says why it does not apply, if so."""
    pricing = found.pricing
    return facts(
        [
            ("applies", found.problem is None),
            ("why not", None if found.problem is None else message),
            ("price in sats", pricing.base_sats),
            ("discount in sats", pricing.discount_sats),
            ("left in sats", pricing.final_sats),
        ]
    )


def attribution_lines(found: Sequence[Attribution]) -> list[str]:
    """Give a table of what codes brought."""
    rows = [
        (
            one.referrer_label,
            one.code,
            one.redemptions,
            one.paid_redemptions,
            one.revenue_sats,
            one.discount_applied_sats,
        )
        for one in found
    ]
    return listing(REPORT, rows, noun="sales with a code")


def amount_text(code: Code) -> str | None:
    """Spell an amount in its unit: a share, or money; a free license has none."""
    match code.kind:
        case CodeKind.FREE_LICENSE:
            return None
        case CodeKind.PERCENT:
            whole, rest = divmod(code.amount, 100)
            return f"{whole}.{rest:02d} %" if rest else f"{whole} %"
        case CodeKind.FIXED | CodeKind.SET_PRICE:
            return money_text(Money(currency=code.currency, amount=code.amount))


def _uses(code: Code) -> str:
    return f"{code.used_count}/{'∞' if code.max_uses is None else code.max_uses}"
