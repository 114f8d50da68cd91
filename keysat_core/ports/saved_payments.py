"""Payment methods that buyers let a provider keep."""

from typing import Protocol

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.domain.saved_payment import ChargeReport, SavedProfile


class SavedPayments(Protocol):
    """The payment methods one account keeps. Every method calls out: never in a transaction.

    All raise ``ProviderRefused`` and ``ProviderUnavailable``.
    """

    def find_saved_payment(
        self, provider_invoice_id: str, invoice_id: InvoiceId
    ) -> SavedProfile | None:
        """Look for the method that was saved when an invoice, ours by ``invoice_id``, was paid."""
        ...

    def read_saved_payment(self, profile: SavedProfile) -> SavedProfile | None:
        """Read a method as it is now; None when the contact it was saved for has it no more."""
        ...

    def is_unpaid(self, provider_invoice_id: str) -> bool:
        """Ask whether an invoice can still be paid and nothing was paid, or is under way.

        Whatever is not known for sure is no yes.
        """
        ...

    def charge(self, provider_invoice_id: str, profile_id: str) -> ChargeReport:
        """Charge a method for an invoice. Not idempotent: reserve it first, and never repeat it.

        Raises:
            ProviderRefused: nothing was charged.
            ProviderUnavailable: whether it was is unknown; the invoice's status tells.
        """
        ...


class SavedPaymentAccounts(Protocol):
    """The accounts that can keep payment methods."""

    def saved_payments_of(self, account: ProviderAccount) -> SavedPayments:
        """Give what an account keeps.

        Raises:
            ProviderNotLoaded: it was disconnected.
        """
        ...
