"""Tell a waiting buyer how the purchase stands."""

import msgspec

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License, LicenseStatus, key_of
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store


class PurchaseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice and the license it issued, extended or changed (D50). ``key`` only while the license is active."""

    invoice: Invoice
    license: License | None
    key: str | None


def poll_purchase(invoice_id: InvoiceId, *, store: Store, keys: KeyRing) -> PurchaseStatus:
    """Give the state of a sale; read-only. The invoice id is the buyer's proof (public-api 6.2).

    Raises:
        NotFound: no such invoice.
    """
    with store.reading() as tx:
        invoice = tx.invoices.get_invoice(invoice_id)
        license = tx.sales.find_license_of(invoice_id)
    is_shown = license is not None and license.status is LicenseStatus.ACTIVE
    return PurchaseStatus(
        invoice=invoice,
        license=license,
        key=key_of(license, keys.signing_key()) if license is not None and is_shown else None,
    )
