"""Payment providers that are misread on purpose, each as a mistake somebody might make."""

from collections.abc import Callable, Mapping
from typing import Final, cast

import msgspec

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.payment import (
    InvoiceOrder,
    LightningPayment,
    ProviderInvoice,
    ProviderNotice,
    ProviderReport,
    ProviderStatus,
)
from keysat_core.ports.payments import PaymentProvider
from tests.support.simulation.world import Bend

_SETTLED: Final = ProviderStatus.SETTLED


class MisreadLine:
    """Implements ``ports.payments.PaymentProvider`` around another, and misreads its reports."""

    def __init__(
        self, line: PaymentProvider, read: Callable[[ProviderReport], ProviderReport]
    ) -> None:
        self._line = line
        self._read = read
        self.create_invoice: Callable[[InvoiceOrder], ProviderInvoice] = line.create_invoice
        self.find_by_external_id: Callable[[InvoiceId], ProviderInvoice | None] = (
            line.find_by_external_id
        )
        self.parse_webhook: Callable[[Mapping[str, str], bytes], ProviderNotice] = (
            line.parse_webhook
        )
        self.probe: Callable[[], None] = line.probe
        self.pay_bolt11: Callable[[str], LightningPayment] = line.pay_bolt11
        self.lightning_payment: Callable[[str], LightningPayment] = line.lightning_payment

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        return self._read(self._line.invoice_status(provider_invoice_id))


class BelievingLine:
    """Implements ``ports.payments.PaymentProvider``: what a webhook claims is taken for the truth."""

    def __init__(self, line: PaymentProvider) -> None:
        self._line = line
        self._claimed: set[str | None] = set()
        self.create_invoice: Callable[[InvoiceOrder], ProviderInvoice] = line.create_invoice
        self.find_by_external_id: Callable[[InvoiceId], ProviderInvoice | None] = (
            line.find_by_external_id
        )

        self.probe: Callable[[], None] = line.probe
        self.pay_bolt11: Callable[[str], LightningPayment] = line.pay_bolt11
        self.lightning_payment: Callable[[str], LightningPayment] = line.lightning_payment

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> ProviderNotice:
        notice = self._line.parse_webhook(headers, body)
        if notice.type == "settled":
            self._claimed.add(notice.provider_invoice_id)
        return notice

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        report = self._line.invoice_status(provider_invoice_id)
        if provider_invoice_id in self._claimed:
            return msgspec.structs.replace(report, status=_SETTLED)
        return report


def misread(is_taken_for_paid: Callable[[ProviderReport], bool]) -> Bend:
    """Take some reports for a payment."""

    def read(report: ProviderReport) -> ProviderReport:
        if is_taken_for_paid(report):
            return msgspec.structs.replace(report, status=_SETTLED)
        return report

    return Bend(line=lambda line: cast(PaymentProvider, MisreadLine(line, read)))
