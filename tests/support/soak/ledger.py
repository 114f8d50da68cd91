"""What must hold after every commit, as it is told by what was written and by the double itself."""

from collections.abc import Callable
from typing import Final

import msgspec

from keysat_core.domain.invoice import Invoice, InvoiceStatus, SettledBy
from keysat_core.domain.license import License
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.invoices import Additional, Status
from tests.support.simulation.violation import Violation

STATUS_STEPS: Final = {
    ("pending", "settled"),
    ("pending", "expired"),
    ("pending", "invalid"),
    ("expired", "settled"),
    ("invalid", "settled"),
}
"""How an invoice's status may move (payments 17, invariant 4)."""


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    status: InvoiceStatus
    amount_sats: int
    provider_invoice_id: str | None
    effect_at: int | None


class Ledger:
    """Follows every invoice and license as it is committed, and every link that is shown.

    ``words``: invoices the operator wants settled whatever the provider says.
    """

    def __init__(
        self, fake: FakeBTCPay, note: Callable[[str], None], *, accepts_late: bool
    ) -> None:
        self._fake = fake
        self._note = note
        self.accepts_late = accepts_late
        self.invoices: dict[str, _Seen] = {}
        self.licensed: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.words: set[str] = set()

    def on_commit(self, invoices: list[Invoice], licenses: list[License]) -> None:
        """Check what was committed."""
        for invoice in invoices:
            self._check_invoice(invoice)
        for license in licenses:
            self._check_license(license)

    def show_link(self, invoice: Invoice) -> str:
        """Give what a buyer pays. Whoever asks for one invoice is shown one thing to pay."""
        link = invoice.checkout_url.rsplit("/", 1)[-1]
        theirs = self._fake.world.invoices.get(link)
        if theirs is None or theirs.metadata.get("orderId") != invoice.id:
            raise Violation(f"invoice {invoice.id} is shown a link to pay something else")
        if self.links.setdefault(invoice.id, link) != link:
            raise Violation(f"invoice {invoice.id} can be paid twice")
        return link

    def _check_invoice(self, invoice: Invoice) -> None:
        seen = _Seen(
            status=invoice.status,
            amount_sats=invoice.amount_sats,
            provider_invoice_id=invoice.provider_invoice_id,
            effect_at=invoice.effect_at,
        )
        before = self.invoices.get(invoice.id)
        if seen == before:
            return
        self.invoices[invoice.id] = seen
        self._note(f"{invoice.id} is {seen.status} at {seen.provider_invoice_id}")
        if before is not None:
            self._check_change(invoice, before, seen)
        elif seen.status is not InvoiceStatus.PENDING:
            raise Violation(f"invoice {invoice.id} began as {seen.status}")

    def _check_change(self, invoice: Invoice, before: _Seen, seen: _Seen) -> None:
        if before.amount_sats != seen.amount_sats:
            raise Violation(f"the price of invoice {invoice.id} changed")
        if before.provider_invoice_id not in {None, seen.provider_invoice_id}:
            raise Violation(f"invoice {invoice.id} became another one at the provider")
        if before.effect_at not in {None, seen.effect_at}:
            raise Violation(f"effect_at changed: invoice {invoice.id} had its effect twice")
        if before.status is seen.status:
            return
        if (before.status.value, seen.status.value) not in STATUS_STEPS:
            raise Violation(f"invoice {invoice.id} went from {before.status} to {seen.status}")
        if seen.status is InvoiceStatus.SETTLED:
            self._check_was_told(invoice)

    def _check_was_told(self, invoice: Invoice) -> None:
        """Demand an earlier answer that it is settled (payments 17, invariant 2)."""
        if invoice.settled_by is SettledBy.OPERATOR and invoice.id in self.words:
            return
        id_ = invoice.provider_invoice_id or ""
        if id_ in self._fake.world.settled_answered_at:
            return
        theirs = self._fake.world.invoices.get(id_)
        is_late = theirs is not None and (theirs.status, theirs.additional) == (
            Status.EXPIRED,
            Additional.PAID_LATE,
        )
        if not (self.accepts_late and is_late and theirs is not None and theirs.is_confirmed):
            raise Violation(f"invoice {invoice.id} is settled, and the provider never said so")

    def _check_license(self, license: License) -> None:
        if license.invoice_id is None:
            raise Violation(f"license {license.id} was sold for nothing")
        if self.licensed.setdefault(license.invoice_id, license.id) != license.id:
            raise Violation(f"invoice {license.invoice_id} has two licenses")
        self._note(f"license {license.id} of {license.invoice_id}")
