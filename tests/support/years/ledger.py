"""What must hold after every commit of two years: as in the soak, and free sales besides."""

from keysat_core.domain.invoice import Invoice, InvoiceStatus
from tests.support.soak.ledger import Ledger


class YearsLedger(Ledger):
    """Knows that what costs nothing is settled as it is opened, and asks no provider about it."""

    def _check_invoice(self, invoice: Invoice) -> None:
        is_free = invoice.is_free and invoice.status is InvoiceStatus.SETTLED
        if not is_free:
            super()._check_invoice(invoice)
