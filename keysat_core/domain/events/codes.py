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


class CodeCreated(Event, frozen=True, kw_only=True):
    """An operator created a code."""

    event_type = "code.created"
    is_published = False
    code_id: str
    code: str


class CodeUpdated(Event, frozen=True, kw_only=True):
    """An operator changed a code or switched it on or off."""

    event_type = "code.updated"
    is_published = False
    code_id: str
    fields: tuple[str, ...]


class CodeDeleted(Event, frozen=True, kw_only=True):
    """An operator deleted a code that was never used."""

    event_type = "code.deleted"
    is_published = False
    code_id: str
    code: str


class CodeReleased(Event, frozen=True, kw_only=True):
    """An invoice that nobody paid gave its use of a code back."""

    event_type = "code.released"
    is_published = False
    code_id: str
    redemption_id: str


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
