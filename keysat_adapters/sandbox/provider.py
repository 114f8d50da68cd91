"""The sandbox as a payment provider: what ``keysat_core.ports.payments`` asks of one account."""

from collections.abc import Mapping
from typing import Final

from keysat_adapters.sandbox.invoice import (
    EXPIRY_SECONDS,
    PROVIDER_STATUS,
    InvoiceState,
    SandboxInvoice,
)
from keysat_adapters.sandbox.ledger import Ledger
from keysat_adapters.sandbox.permit import Permit, demand
from keysat_adapters.sandbox.till import look_at
from keysat_adapters.sandbox.webhook import read_webhook
from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import (
    InvoiceOrder,
    LightningPayment,
    ProviderInvoice,
    ProviderNotice,
    ProviderReport,
)
from keysat_core.errors import ProviderRefused
from keysat_core.ports.clock import Clock

CHECKOUT_PATH: Final = "/sandbox/checkout/"


class SandboxProvider:
    """One sandbox account. All accounts share the ledger; webhooks go to the account that asked."""

    def __init__(
        self,
        permit: Permit,
        *,
        account_id: ProviderAccountId,
        ledger: Ledger,
        public_base: str,
        clock: Clock,
    ) -> None:
        demand(permit)
        self._account_id = account_id
        self._ledger = ledger
        self._public_base = public_base.rstrip("/")
        self._clock = clock

    def create_invoice(self, order: InvoiceOrder) -> ProviderInvoice:
        """Open a pretend invoice that can be paid for 15 minutes, unless the order says how long.

        Raises:
            ProviderRefused: the price is not in sats (``unsupported``) or is nothing (``rejected``).
            ProviderUnavailable: the ledger cannot be used.
        """
        if order.price.currency is not Currency.SAT:
            raise ProviderRefused("create invoice", "unsupported", "the sandbox takes sats only")
        if order.price.amount == 0:
            raise ProviderRefused("create invoice", "rejected", "there is nothing to pay")
        now = self._clock.now()
        invoice = SandboxInvoice(
            id=self._ledger.new_id(),
            invoice_id=order.invoice_id,
            account_id=self._account_id,
            amount_sats=order.price.amount,
            rail=order.rail,
            redirect_url=order.redirect_url,
            created_at=now,
            expires_at=Instant(now + (order.pays_within_seconds or EXPIRY_SECONDS)),
        )
        self._ledger.add_invoice(invoice)
        return self._as_created(invoice)

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        """Report on an invoice.

        Raises:
            ProviderRefused: there is none (``not_found``).
            ProviderUnavailable: the ledger cannot be used.
        """
        invoice = look_at(self._ledger, provider_invoice_id, now=self._clock.now())
        if invoice is None:
            raise ProviderRefused("read invoice", "not_found")
        return ProviderReport(
            status=PROVIDER_STATUS[invoice.status],
            is_processing=invoice.status is InvoiceState.PROCESSING,
            is_overpaid=invoice.paid_sats > invoice.amount_sats,
            is_paid_late=invoice.status is InvoiceState.EXPIRED_PAID_LATE,
            marked_by_hand=invoice.status
            in {InvoiceState.SETTLED_MARKED, InvoiceState.INVALID_MARKED},
            price=Money(currency=Currency.SAT, amount=invoice.amount_sats),
            paid=Money(currency=Currency.SAT, amount=invoice.paid_sats),
            raw_status=invoice.status.value,
        )

    def find_by_external_id(self, invoice_id: InvoiceId) -> ProviderInvoice | None:
        """Look for our invoice: a settled one, else the newest.

        Raises:
            ProviderUnavailable: the ledger cannot be used.
        """
        invoice = self._ledger.find_by_external_id(invoice_id)
        return None if invoice is None else self._as_created(invoice)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> ProviderNotice:
        """Verify and read a webhook of this ledger.

        Raises:
            NotAuthentic: not signed with its secret, or unreadable.
        """
        return read_webhook(self._ledger.webhook_secret(), headers, body)

    def probe(self) -> None:
        """See that the ledger can be read.

        Raises:
            ProviderUnavailable: it cannot.
        """
        self._ledger.find_by_external_id(InvoiceId("probe"))

    def pay_bolt11(self, bolt11: str) -> LightningPayment:  # noqa: ARG002  pretend money pays nobody
        """Pay nothing.

        Raises:
            ProviderRefused: always; ``unsupported``.
        """
        raise ProviderRefused("pay bolt11", "unsupported", "the sandbox has no real money")

    def lightning_payment(self, payment_hash: str) -> LightningPayment:  # noqa: ARG002  as above
        """Know of no payment.

        Raises:
            ProviderRefused: always; ``not_found``.
        """
        raise ProviderRefused("read lightning payment", "not_found")

    def _as_created(self, invoice: SandboxInvoice) -> ProviderInvoice:
        return ProviderInvoice(
            provider_invoice_id=invoice.id,
            checkout_url=self._public_base + CHECKOUT_PATH + invoice.id,
        )
