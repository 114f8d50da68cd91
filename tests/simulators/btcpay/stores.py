"""A store with its wallet, its rates, and its lightning node."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

CONFIRMATIONS: Final = {"HighSpeed": 0, "MediumSpeed": 1, "LowMediumSpeed": 2, "LowSpeed": 6}
BOLT11_PREFIXES: Final = ("lnbc", "lntb", "lnbcrt", "lntbs")


class Route(StrEnum):
    """What happens when the node is asked to pay an invoice."""

    COMPLETE = "complete"
    PENDING = "pending"
    """202, and the money is under way until ``FakeBTCPay.resolve_payment``."""
    UNKNOWN = "unknown"
    """202, and the node cannot say."""
    NO_ROUTE = "no_route"
    FAILED = "failed"


@dataclass(slots=True, kw_only=True)
class PayableInvoice:
    """A BOLT11 invoice that somebody else made and this node knows how to reach, or not."""

    bolt11: str
    payment_hash: str
    amount_sats: int
    route: Route = Route.COMPLETE
    fee_sats: int = 1


@dataclass(slots=True, kw_only=True)
class OutgoingPayment:
    """A payment the node made or is making; ``status`` as Greenfield spells it."""

    id: str
    invoice: PayableInvoice
    status: str
    preimage: str
    created_at: int


@dataclass(slots=True)
class LightningNode:
    """A node to pay from.

    Attributes:
        pay_outcomes: What it can be asked to pay, by BOLT11 text.
        sent: How often money left for a payment hash, failed attempts apart; more than 1 is a
            double payment.
    """

    is_internal: bool = False
    is_available: bool = True
    pay_outcomes: dict[str, PayableInvoice] = field(default_factory=dict)
    payments: dict[str, OutgoingPayment] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class Store:
    """A store; the settings are BTCPay's defaults.

    Attributes:
        network: "regtest", "testnet" or "mainnet".
        rates: Price of one bitcoin by currency, for invoices priced otherwise.
        receive_address: The unused address the wallet shows until it is used.
    """

    id: str
    name: str
    network: str = "regtest"
    has_wallet: bool = True
    is_node_synced: bool = True
    lightning: LightningNode | None = field(default_factory=LightningNode)
    speed_policy: str = "MediumSpeed"
    expiry_seconds: int = 15 * 60
    monitoring_seconds: int = 24 * 60 * 60
    tolerance_percent: Decimal = Decimal(0)
    rates: dict[str, Decimal] = field(
        default_factory=lambda: {"USD": Decimal(60_000), "EUR": Decimal(55_000)}
    )
    receive_address: str = ""
