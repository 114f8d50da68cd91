"""Licenses, invoices, the audit log and discount codes as files, however long. See ``docs/exports.md``."""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final, TypeVar

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery
from litestar.response import Stream

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit_list import AuditFilter
from keysat_core.domain.instant import Instant
from keysat_core.domain.listing import InvoiceFilter, LicenseFilter
from keysat_core.errors import NotFound
from keysat_core.limits import PAGE_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.exports import read_everything as reading
from keysat_http.admin.audit import read_filter as read_audit_filter
from keysat_http.admin.invoices import read_filter as read_invoice_filter
from keysat_http.admin.license_lists import filter_reader
from keysat_http.bodies import Flag
from keysat_http.edge import IS_HEAD
from keysat_http.routes import get
from keysat_http.views.export import (
    MEDIA_TYPES,
    ExportFormat,
    audit_export,
    code_export,
    invoice_export,
    license_export,
)

_Row = TypeVar("_Row")

_PATH: Final = "/v1/admin/export"
_TAGS: Final = ("exports",)

_PAGING: Final = {"limit", "offset", "before_id"}


def _whole(read: Callable[..., Any]) -> Provide:
    """Make the filters of a list those of an export, which has no pages."""

    @functools.wraps(read)
    def reader(**given: Any) -> Any:
        return read(**given)

    signature = inspect.signature(read)
    kept = [one for name, one in signature.parameters.items() if name not in _PAGING]
    reader.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return Provide(reader, sync_to_thread=False)


@get(_PATH + "/licenses", dependencies={"criteria": _whole(filter_reader(PAGE_MAX))}, tags=_TAGS)
def export_licenses(
    criteria: NamedDependency[LicenseFilter],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    request: Request[object, object, State],
    format: FromQuery[ExportFormat] = ExportFormat.CSV,  # noqa: A002  the query's own word
) -> Stream:
    """Export licenses, newest issued first, never with their keys; filters are those of the list."""
    batches = _begun(request, reading.read_licenses(actor, criteria, store=ports.store))
    return _file(request, ports, "licenses", license_export(batches, format), format)


@get(
    _PATH + "/invoices",
    raises=[NotFound],
    dependencies={"criteria": _whole(read_invoice_filter)},
    tags=_TAGS,
)
def export_invoices(
    *,
    criteria: NamedDependency[InvoiceFilter],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    request: Request[object, object, State],
    format: FromQuery[ExportFormat] = ExportFormat.CSV,  # noqa: A002  the query's own word
    product_slug: FromQuery[str] = "",
) -> Stream:
    """Export invoices, newest first; filters are those of the list."""
    batches = reading.read_invoices(
        actor, criteria, product_slug=product_slug or None, store=ports.store
    )
    batches = _begun(request, batches)
    return _file(request, ports, "invoices", invoice_export(batches, format), format)


@get(_PATH + "/audit", dependencies={"criteria": _whole(read_audit_filter)}, tags=_TAGS)
def export_audit(
    criteria: NamedDependency[AuditFilter],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    request: Request[object, object, State],
    format: FromQuery[ExportFormat] = ExportFormat.CSV,  # noqa: A002  the query's own word
) -> Stream:
    """Export the audit log, newest first; filters are those of the list."""
    batches = _begun(request, reading.read_audit(actor, criteria, store=ports.store))
    return _file(request, ports, "audit", audit_export(batches, format), format)


@get(_PATH + "/discount-codes", raises=[NotFound], tags=_TAGS)
def export_discount_codes(
    *,
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    request: Request[object, object, State],
    format: FromQuery[ExportFormat] = ExportFormat.CSV,  # noqa: A002  the query's own word
    product_slug: FromQuery[str] = "",
    include_inactive: FromQuery[Flag] = "true",
) -> Stream:
    """Export discount codes, newest first; with a product only those that are for it alone."""
    batches = reading.read_codes(
        actor,
        is_inactive_included=include_inactive == "true",
        product_slug=product_slug or None,
        store=ports.store,
    )
    batches = _begun(request, batches)
    return _file(request, ports, "discount-codes", code_export(batches, format), format)


def _begun(
    request: Request[object, object, State], batches: Iterator[Sequence[_Row]]
) -> Iterator[Sequence[_Row]]:
    """Read the first batch before the answer begins, while a failure can still be the answer."""
    if _is_head(request):
        return iter(())
    first = next(batches, None)
    return iter(()) if first is None else chain((first,), batches)


def _is_head(request: Request[object, object, State]) -> bool:
    return bool(request.scope.get("state", {}).get(IS_HEAD))


def _file(
    request: Request[object, object, State],
    ports: Ports,
    name: str,
    chunks: Iterator[bytes],
    format_: ExportFormat,
) -> Stream:
    """Send pieces as they are read, each in a worker thread, until the caller has left."""
    now: Instant = ports.clock.now()
    when = f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}"
    return Stream(
        # A HEAD asks for none of them.
        iter(()) if _is_head(request) else chunks,
        headers={
            # As a header, because the route's own media type would win.
            "content-type": MEDIA_TYPES[format_],
            "content-disposition": f'attachment; filename="keysat-{name}-{when}.{format_}"',
        },
    )
