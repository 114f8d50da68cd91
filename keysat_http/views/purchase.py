"""Purchases on the wire. Source: public-api 6."""

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.use_cases.purchases.open_purchase import OpenedPurchase
from keysat_core.use_cases.purchases.poll_purchase import PurchaseStatus as Status


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """An opened purchase. ``checkout_url`` is "" and a key is there exactly if nothing is to pay."""

    invoice_id: str
    btcpay_invoice_id: str
    checkout_url: str
    amount_sats: int
    base_price_sats: int
    discount_applied_sats: int
    poll_url: str
    license_key: str | UnsetType = UNSET
    license_id: str | UnsetType = UNSET


class PurchaseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a purchase stands. ``license_key`` only while the license is active."""

    invoice_id: str
    product_id: str
    status: InvoiceStatus
    amount_sats: int
    license_key: str | None
    license_id: str | None


def purchase_view(opened: OpenedPurchase, invoice: Invoice, *, public_url: str) -> Purchase:
    """Render a purchase; ``invoice`` carries what the provider answered since it was opened."""
    return Purchase(
        invoice_id=invoice.id,
        btcpay_invoice_id=invoice.provider_invoice_id or "",
        checkout_url=invoice.checkout_url,
        amount_sats=invoice.amount_sats,
        base_price_sats=invoice.base_price_sats,
        discount_applied_sats=opened.redemption.discount_applied_sats if opened.redemption else 0,
        poll_url=poll_url(invoice.id, public_url=public_url),
        license_key=opened.key or UNSET,
        license_id=opened.license.id if opened.license else UNSET,
    )


def purchase_status_view(status: Status) -> PurchaseStatus:
    """Render how a purchase stands."""
    return PurchaseStatus(
        invoice_id=status.invoice.id,
        product_id=status.invoice.product_id,
        status=status.invoice.status,
        amount_sats=status.invoice.amount_sats,
        license_key=status.key,
        license_id=status.license.id if status.license else None,
    )


def poll_url(invoice_id: InvoiceId, *, public_url: str) -> str:
    """Say where a buyer's software asks how the purchase stands."""
    return f"{public_url}/v1/purchase/{invoice_id}"
