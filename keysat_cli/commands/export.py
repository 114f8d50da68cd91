"""``keysat export``: licenses, invoices, the audit log and discount codes as files."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click
import msgspec

from keysat_cli.commands.filter_options import (
    audit_filter_options,
    invoice_filter_options,
    license_filter_options,
)
from keysat_cli.commands.license_scope import license_filter
from keysat_cli.groups import NounGroup
from keysat_cli.output import emit, note
from keysat_cli.private_file import STDOUT, private_file
from keysat_cli.progress import progress_shown
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.audit_list import AuditFilter
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.listing import InvoiceFilter
from keysat_core.limits import EXPORT_BATCH
from keysat_core.use_cases.exports.read_everything import (
    read_audit,
    read_codes,
    read_invoices,
    read_licenses,
)
from keysat_core.use_cases.licenses.list_licenses import list_licenses
from keysat_core.use_cases.purchases.list_invoices import list_invoices
from keysat_core.use_cases.server.list_audit import list_audit
from keysat_http.views.export import (
    ExportFormat,
    audit_export,
    code_export,
    invoice_export,
    license_export,
)

_C = TypeVar("_C", bound=Callable[..., Any])


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written. ``expected`` is how many rows there were when it began, if that was exact."""

    ok: bool
    path: str
    format: str
    bytes: int
    expected: int | None


@click.group(cls=NounGroup)
def export() -> None:
    """Write licenses, invoices, the audit log or discount codes to a file."""


def _file_options(command: _C) -> _C:
    output = click.option(
        "--output",
        "-o",
        required=True,
        metavar="FILE",
        help="Written as a whole or not at all, for your eyes alone; - is stdout.",
    )
    spelled = click.option(
        "--format",
        "format_",
        type=click.Choice([str(one) for one in ExportFormat]),
        default=str(ExportFormat.CSV),
        show_default=True,
        help="How the file is written.",
    )
    return output(spelled(command))


@export.command("licenses")
@license_filter_options
@_file_options
def licenses_(*, format_: str, output: str, **fields: Any) -> None:
    """Export licenses, newest issued first, never with their keys."""
    with open_shop() as ports:
        criteria = license_filter(ports, fields)
        total = list_licenses(OPERATOR, criteria, store=ports.store).total
        batches = read_licenses(OPERATOR, criteria, store=ports.store)
        expected = total.number if total.is_exact else None
        _write(license_export(batches, ExportFormat(format_)), output, format_, expected)


@export.command()
@invoice_filter_options
@_file_options
def invoices(*, format_: str, output: str, product_slug: str | None, **fields: Any) -> None:
    """Export invoices, newest first."""
    status, account_id = fields.pop("status"), fields.pop("account_id")
    criteria = InvoiceFilter(
        status=InvoiceStatus(status) if status else None,
        provider_account_id=None if account_id is None else ProviderAccountId(account_id),
        is_attention_needed=fields.pop("attention"),
        limit=1,
        **fields,
    )
    with open_shop() as ports:
        page = list_invoices(OPERATOR, criteria, product_slug=product_slug, store=ports.store)
        batches = read_invoices(OPERATOR, criteria, product_slug=product_slug, store=ports.store)
        expected = page.total if page.is_total_exact else None
        _write(invoice_export(batches, ExportFormat(format_)), output, format_, expected)


@export.command("audit")
@audit_filter_options
@_file_options
def audit_(*, format_: str, output: str, **fields: Any) -> None:
    """Export the audit log, newest first."""
    criteria = AuditFilter(limit=1, **fields)
    with open_shop() as ports:
        total = list_audit(OPERATOR, criteria, store=ports.store).total
        batches = read_audit(OPERATOR, criteria, store=ports.store)
        expected = total.number if total.is_exact else None
        _write(audit_export(batches, ExportFormat(format_)), output, format_, expected)


@export.command("codes")
@click.option("--product", "product_slug", metavar="SLUG", help="Only those for this product.")
@click.option("--active", "is_active_only", is_flag=True, help="Only those that are switched on.")
@_file_options
def codes_(*, format_: str, output: str, product_slug: str | None, is_active_only: bool) -> None:
    """Export discount codes, newest first."""
    with open_shop() as ports:
        batches = list(
            read_codes(
                OPERATOR,
                is_inactive_included=not is_active_only,
                product_slug=product_slug,
                store=ports.store,
            )
        )
        expected = sum(map(len, batches))
        _write(code_export(iter(batches), ExportFormat(format_)), output, format_, expected)


def _write(chunks: Iterator[bytes], output: str, format_: str, expected: int | None) -> None:
    written, done = 0, 0
    with private_file(output) as file, progress_shown("Exporting") as progress:
        for chunk in chunks:
            file.write(chunk)
            written += len(chunk)
            # All batches but the last are whole; a header more or less shows nowhere.
            done += EXPORT_BATCH
            if expected:
                progress(min(done, expected), expected)
    told(Exported(ok=True, path=output, format=format_, bytes=written, expected=expected))


def told(made: Exported) -> None:
    """Say what was written; nothing but the file itself goes to stdout with ``-``."""
    if made.path == STDOUT:
        return
    emit(made, [made.path])
    note(f"Wrote {made.bytes} bytes.")
