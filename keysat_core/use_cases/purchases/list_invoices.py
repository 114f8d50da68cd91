"""Read invoices as an operator does. An invoice's id is its buyer's secret: no log may have it."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.listing import InvoiceFilter, InvoicePage, InvoiceRow
from keysat_core.errors import NotFound
from keysat_core.ports.store import Store


def list_invoices(
    actor: Actor, criteria: InvoiceFilter, *, product_slug: str | None = None, store: Store
) -> InvoicePage:
    """Give one page of invoices, newest first; a product id wins over a slug.

    Raises:
        Forbidden: the actor lacks ``invoices:read``.
        NotFound: no product has the slug.
    """
    authorize(actor, Scope.INVOICES_READ)
    with store.reading() as tx:
        if product_slug is not None and criteria.product_id is None:
            product = tx.products.find_product_by_slug(product_slug)
            if product is None:
                raise NotFound("product", product_slug)
            criteria = msgspec.structs.replace(criteria, product_id=product.id)
        return tx.invoices.list_invoices(criteria)


def show_invoice(actor: Actor, invoice_id: InvoiceId, *, store: Store) -> InvoiceRow:
    """Give one invoice by our id.

    Raises:
        Forbidden: the actor lacks ``invoices:read``.
        NotFound: no such invoice.
    """
    authorize(actor, Scope.INVOICES_READ)
    with store.reading() as tx:
        return tx.invoices.get_invoice_row(invoice_id)
