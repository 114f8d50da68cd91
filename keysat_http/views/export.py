"""Rows of an export as CSV or as a JSON object per line.

CSV is that of RFC 4180: a header, CRLF, quotes where they are needed. Spreadsheets take a text that
begins with one of ``= + - @``, also full-width, a tab or a line break for a formula, so it gets an apostrophe in
front (OWASP, CSV Injection); JSON lines have every text as it is.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from keysat_core.domain.audit_list import AuditRow
from keysat_core.domain.code import Code
from keysat_core.domain.listing import InvoiceRow, LicenseRow
from keysat_http.views.audit import AuditEntry, audit_row_view
from keysat_http.views.code import DiscountCode, code_view
from keysat_http.views.invoice import Invoice, invoice_view
from keysat_http.views.license import License, license_row_view

_Row = TypeVar("_Row")
_Chunks = Iterator[bytes]

FORMULA_STARTS: Final = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)
"""The last four are the full-width forms of the first four, which some spreadsheets take for them."""

GUARD: Final = "'"


class ExportFormat(StrEnum):
    """How rows are spelled."""

    CSV = "csv"
    JSONL = "jsonl"


MEDIA_TYPES: Final = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSONL: "application/jsonl",
}


def license_export(batches: Iterator[Sequence[LicenseRow]], format_: ExportFormat) -> _Chunks:
    """Spell licenses, never with their keys."""
    return _spelled(batches, format_, license_row_view, License)


def invoice_export(batches: Iterator[Sequence[InvoiceRow]], format_: ExportFormat) -> _Chunks:
    """Spell invoices."""
    return _spelled(batches, format_, invoice_view, Invoice)


def audit_export(batches: Iterator[Sequence[AuditRow]], format_: ExportFormat) -> _Chunks:
    """Spell audit entries."""
    return _spelled(batches, format_, audit_row_view, AuditEntry)


def code_export(batches: Iterator[Sequence[Code]], format_: ExportFormat) -> _Chunks:
    """Spell discount codes."""
    return _spelled(batches, format_, code_view, DiscountCode)


def _spelled(
    batches: Iterator[Sequence[_Row]],
    format_: ExportFormat,
    view: Callable[[_Row], msgspec.Struct],
    kind: type[msgspec.Struct],
) -> _Chunks:
    """Give one piece for each batch; the columns are the fields of the view, in their order."""
    if format_ is ExportFormat.JSONL:
        encoder = msgspec.json.Encoder()
        for rows in batches:
            yield encoder.encode_lines([view(row) for row in rows])
        return
    columns = kind.__struct_fields__
    yield _csv([columns])
    for rows in batches:
        views = [view(row) for row in rows]
        yield _csv([[_cell(getattr(one, column)) for column in columns] for one in views])


def _csv(lines: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def _cell(value: object) -> object:
    """Spell one value; what has no value is empty, and what has parts is JSON."""
    match value:
        case None | msgspec.UnsetType():
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return value
        case str():
            return guarded(value)
        case _:
            return guarded(msgspec.json.encode(value).decode())


def guarded(text: str) -> str:
    """Keep a spreadsheet from taking a text for a formula."""
    return GUARD + text if text.startswith(FORMULA_STARTS) else text
