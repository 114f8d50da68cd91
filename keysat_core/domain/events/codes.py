"""Events about discount codes."""

from keysat_core.domain.events.event import Event
from keysat_core.domain.license import License
from keysat_core.domain.redemption import CodeUse


class CodeRedeemed(Event, frozen=True, kw_only=True):
    """A license was issued with a code."""

    event_type = "code.redeemed"
    redemption_id: str
    code_id: str
    code: str | None
    license_id: str
    product_id: str
    invoice_id: str
    discount_applied_sats: int
    base_price_sats: int
    final_price_sats: int
    referrer_label: str | None


def code_redeemed(use: CodeUse, license: License) -> CodeRedeemed:
    """Describe a use of a code."""
    redemption = use.redemption
    return CodeRedeemed(
        redemption_id=redemption.id,
        code_id=redemption.code_id,
        code=use.code.code,
        license_id=license.id,
        product_id=license.product_id,
        invoice_id=redemption.invoice_id,
        discount_applied_sats=redemption.discount_applied_sats,
        base_price_sats=redemption.base_price_sats,
        final_price_sats=redemption.final_price_sats,
        referrer_label=use.code.referrer_label,
    )
