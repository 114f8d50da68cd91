"""Payment providers."""

from collections.abc import Mapping
from typing import Protocol

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.domain.payment import (
    InvoiceOrder,
    LightningPayment,
    ProviderInvoice,
    ProviderNotice,
    ProviderReport,
)


class PaymentProvider(Protocol):
    """One connected account at a payment service. Every method may block; none runs in a transaction.

    Each call ends in one of three ways: an answer; ``ProviderRefused`` (the same call would be
    refused again); ``ProviderUnavailable`` (whether it acted is unknown: ask by the external id).
    """

    def create_invoice(self, order: InvoiceOrder) -> ProviderInvoice:
        """Ask for a payment. Not idempotent: after an unknown outcome use ``find_by_external_id``.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        ...

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        """Ask for the truth about an invoice.

        Raises:
            ProviderRefused: ``not_found`` among others.
            ProviderUnavailable.
        """
        ...

    def find_by_external_id(self, invoice_id: InvoiceId) -> ProviderInvoice | None:
        """Look for the provider's invoice that carries our id; None if there is none.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        ...

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> ProviderNotice:
        """Verify and read a webhook. Header names are lower-case; the body is as received.

        Raises:
            NotAuthentic: not signed by this provider, or unreadable.
        """
        ...

    def probe(self) -> None:
        """Ask something harmless, to see that the account answers.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        ...

    def pay_bolt11(self, bolt11: str) -> LightningPayment:
        """Pay a lightning invoice. Not idempotent: after an unknown outcome ask by its hash.

        Raises:
            ProviderRefused: it was not paid; ``unsupported`` where the account cannot pay.
            ProviderUnavailable: whether it was paid is unknown.
        """
        ...

    def lightning_payment(self, payment_hash: str) -> LightningPayment:
        """Ask what became of a lightning payment.

        Raises:
            ProviderRefused: ``not_found`` when the account never tried it.
            ProviderUnavailable.
        """
        ...


class PaymentProviders(Protocol):
    """The providers this server may use."""

    def kinds(self) -> frozenset[ProviderKind]:
        """Give the kinds of accounts there is an adapter for; other accounts take no payments."""
        ...

    def provider_for(self, account: ProviderAccount) -> PaymentProvider:
        """Give the adapter of an account.

        Raises:
            ProviderNotLoaded: this server has no adapter for its kind, or may not use it.
        """
        ...
