"""What became of the rows of a table of licenses to issue."""

import msgspec

from keysat_core.domain.instant import rfc3339_or_none
from keysat_core.use_cases.licenses.issue_from_table import RowReport, TableReport


class IssuedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A license that was issued. Its key is shown only here."""

    license_id: str
    license_key: str
    expires_at: str | None


class RowProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Which column of a row breaks a rule, and how."""

    field: str
    problem: str


class IssuedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row by its number in a spreadsheet, where the header is 1."""

    row: int
    ok: bool
    error: RowProblem | None
    licenses: list[IssuedKey]


class IssuedTable(msgspec.Struct, frozen=True, kw_only=True):
    """The report. ``ok``: every row is good. ``issued`` counts licenses, ``failed`` rows."""

    ok: bool
    dry_run: bool
    on_error: str
    issued: int
    failed: int
    rows: list[IssuedRow]


def issued_table_view(report: TableReport) -> IssuedTable:
    """Render the report."""
    return IssuedTable(
        ok=report.failed_count == 0,
        dry_run=report.is_dry_run,
        on_error=report.on_error,
        issued=report.issued_count,
        failed=report.failed_count,
        rows=[_row(row) for row in report.rows],
    )


def _row(row: RowReport) -> IssuedRow:
    problem = row.problem
    return IssuedRow(
        row=row.number,
        ok=problem is None,
        error=None if problem is None else RowProblem(field=problem.field, problem=problem.problem),
        licenses=[
            IssuedKey(
                license_id=issued.license.id,
                license_key=issued.key,
                expires_at=rfc3339_or_none(issued.license.expires_at),
            )
            for issued in row.issued
        ],
    )
