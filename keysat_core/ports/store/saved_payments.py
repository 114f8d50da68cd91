"""Part of the store: payment methods that buyers let a provider keep, and charges of them."""

from typing import Protocol

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import Instant
from keysat_core.domain.saved_payment import Charge, SavedPayment


class SavedPaymentRows(Protocol):
    """At most one saved method and at most one charge for each invoice."""

    def find_saved(self, invoice_id: InvoiceId) -> SavedPayment | None: ...
    def put_saved(self, saved: SavedPayment) -> None: ...
    def list_saved(self, limit: int, offset: int) -> list[SavedPayment]:
        """A page, newest first."""
        ...

    def count_saved(self) -> int: ...

    def list_wanted(self, now: Instant, limit: int) -> list[SavedPayment]:
        """Those to look for at their provider by now, longest due first."""
        ...

    def find_charge(self, invoice_id: InvoiceId) -> Charge | None: ...
    def put_charge(self, charge: Charge) -> None: ...
