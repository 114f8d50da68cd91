"""Read all licenses, invoices, audit rows or discount codes that match, for an export.

Each batch is read in a short transaction of its own, newest first, and the next begins behind its
last row: nothing is held open meanwhile, nothing comes twice, and what is added later is not part of
it. A row that is changed meanwhile comes as it is when its batch is read. Discount codes are few, so all
of them are read at once.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit_list import AuditFilter, AuditRow
from keysat_core.domain.code import Code
from keysat_core.domain.listing import (
    InvoiceFilter,
    InvoiceRow,
    LicenseFilter,
    LicenseRow,
    Place,
)
from keysat_core.errors import NotFound
from keysat_core.limits import EXPORT_BATCH
from keysat_core.ports.store import Store, Transaction

_Row = TypeVar("_Row")
_Filter = TypeVar("_Filter", LicenseFilter, InvoiceFilter, AuditFilter)


def read_licenses(
    actor: Actor, criteria: LicenseFilter, *, store: Store
) -> Iterator[Sequence[LicenseRow]]:
    """Give batches of licenses, never with their keys; page and place of the filter do not count.

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
    """
    authorize(actor, Scope.LICENSES_READ)
    first = msgspec.structs.replace(criteria, limit=EXPORT_BATCH, offset=0, behind=None)

    def behind(criteria: LicenseFilter, last: LicenseRow) -> LicenseFilter:
        place = Place(last.license.issued_at, last.license.id)
        return msgspec.structs.replace(criteria, behind=place)

    return _batches(store, first, lambda tx, asked: tx.licenses.list_licenses(asked), behind)


def read_invoices(
    actor: Actor, criteria: InvoiceFilter, *, product_slug: str | None = None, store: Store
) -> Iterator[Sequence[InvoiceRow]]:
    """Give batches of invoices; page and place of the filter do not count.

    Raises:
        Forbidden: the actor lacks ``invoices:read``.
        NotFound: no product has the slug.
    """
    authorize(actor, Scope.INVOICES_READ)
    if product_slug is not None and criteria.product_id is None:
        with store.reading() as tx:
            product = tx.products.find_product_by_slug(product_slug)
        if product is None:
            raise NotFound("product", product_slug)
        criteria = msgspec.structs.replace(criteria, product_id=product.id)
    first = msgspec.structs.replace(criteria, limit=EXPORT_BATCH, offset=0, behind=None)

    def behind(criteria: InvoiceFilter, last: InvoiceRow) -> InvoiceFilter:
        place = Place(last.invoice.created_at, last.invoice.id)
        return msgspec.structs.replace(criteria, behind=place)

    return _batches(store, first, lambda tx, asked: tx.invoices.list_invoice_rows(asked), behind)


def read_audit(
    actor: Actor, criteria: AuditFilter, *, store: Store
) -> Iterator[Sequence[AuditRow]]:
    """Give batches of audit rows; page and place of the filter do not count.

    Raises:
        Forbidden: the actor lacks ``audit:read``.
    """
    authorize(actor, Scope.AUDIT_READ)
    first = msgspec.structs.replace(criteria, limit=EXPORT_BATCH, offset=0, before_id=None)

    def behind(criteria: AuditFilter, last: AuditRow) -> AuditFilter:
        return msgspec.structs.replace(criteria, before_id=last.id)

    return _batches(store, first, lambda tx, asked: tx.audit_log.list_rows(asked), behind)


def read_codes(
    actor: Actor,
    *,
    is_inactive_included: bool,
    product_slug: str | None = None,
    store: Store,
) -> Iterator[Sequence[Code]]:
    """Give batches of codes, newest first; with a product only those that are for it alone.

    Raises:
        Forbidden: the actor lacks ``discount_codes:read``.
        NotFound: no product has the slug.
    """
    authorize(actor, Scope.DISCOUNT_CODES_READ)
    with store.reading() as tx:
        product = None
        if product_slug is not None:
            product = tx.products.find_product_by_slug(product_slug)
            if product is None:
                raise NotFound("product", product_slug)
        count = tx.codes.count_codes(is_inactive_included=is_inactive_included)
        batches = [
            tx.codes.list_codes(
                is_inactive_included=is_inactive_included, limit=EXPORT_BATCH, offset=offset
            )
            for offset in range(0, count, EXPORT_BATCH)
        ]
    return iter(
        [
            [code for code in batch if product is None or code.product_id == product.id]
            for batch in batches
        ]
    )


def _batches(
    store: Store,
    criteria: _Filter,
    read: Callable[[Transaction, _Filter], Sequence[_Row]],
    behind: Callable[[_Filter, _Row], _Filter],
) -> Iterator[Sequence[_Row]]:
    while True:
        with store.reading() as tx:
            rows = read(tx, criteria)
        if rows:
            yield rows
        if len(rows) < EXPORT_BATCH:
            return
        criteria = behind(criteria, rows[-1])
