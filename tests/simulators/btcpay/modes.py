"""The versions of BTCPay Server the double can be, and where they differ."""

from enum import StrEnum
from typing import Final

import msgspec


class Mode(StrEnum):
    """Which BTCPay Server the double is."""

    V1_13 = "1.13"
    V2_0 = "2.0"
    V2_3_4 = "2.3.4"
    V2_4 = "2.4"


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What a version does.

    Attributes:
        on_chain, lightning, lnurl: Its ids of the payment methods.
        has_delivery_time: Deliveries say ``deliveryTime``, as 2.4.1 documents and 2.0.6 does not.
        has_paid_amount: Invoices say ``paidAmount`` (2.2 on).
        retries_any_failure: Every webhook answer but 2xx is retried; else only none, 408, 429, 5xx.
        has_after_expiry_events: It sends InvoiceExpiredPaidPartial and InvoicePaidAfterExpiration.
        foreign_invoice_status: The answer for an invoice of a store out of the key's scope.
        has_storeless_routes: ``/api/v1/invoices/{id}`` and ``/api/v1/webhooks/{id}`` exist.
        wallet_permission: What reading a receive address takes.
        contract: The folder of its OpenAPI documents; empty when none are kept.
    """

    version: str
    on_chain: str = "BTC-CHAIN"
    lightning: str = "BTC-LN"
    lnurl: str = "BTC-LNURL"
    methods_are_keyed: bool = False
    has_delivery_time: bool = True
    has_paid_amount: bool = True
    retries_any_failure: bool = False
    has_after_expiry_events: bool = True
    has_refund_event: bool = False
    foreign_invoice_status: int = 404
    has_storeless_routes: bool = False
    wallet_permission: str = "btcpay.store.canmodifystoresettings"
    contract: str = "v2.4.1"


TRAITS: Final = {
    Mode.V1_13: Traits(
        version="1.13.7",
        on_chain="BTC",
        lightning="BTC-LightningNetwork",
        lnurl="BTC-LNURLPAY",
        methods_are_keyed=True,
        has_delivery_time=False,
        has_paid_amount=False,
        retries_any_failure=True,
        has_after_expiry_events=False,
        contract="",
    ),
    Mode.V2_0: Traits(
        version="2.0.6",
        has_delivery_time=False,
        has_paid_amount=False,
        retries_any_failure=True,
        has_after_expiry_events=False,
        contract="v2.0.6",
    ),
    Mode.V2_3_4: Traits(version="2.3.4"),
    Mode.V2_4: Traits(
        version="2.4.1",
        has_refund_event=True,
        foreign_invoice_status=403,
        has_storeless_routes=True,
        wallet_permission="btcpay.store.canviewwallet",
    ),
}

OLD_METHOD_NAMES: Final = {
    "BTC": "BTC-CHAIN",
    "BTC-ONCHAIN": "BTC-CHAIN",
    "BTC-LIGHTNINGNETWORK": "BTC-LN",
    "BTC-LIGHTNINGLIKE": "BTC-LN",
    "BTC-OFFCHAIN": "BTC-LN",
    "BTC-LNURLPAY": "BTC-LNURL",
}
"""Names of 1.x that 2.x still reads, by upper-case name."""
