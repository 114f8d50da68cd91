"""Issuing the licenses of a table. See ``docs/exports.md``."""

from typing import Literal

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.limits import TABLE_BYTES_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.licenses import issue_from_table as issuing
from keysat_http.routes import post
from keysat_http.views.issued_table import IssuedTable, issued_table_view


class LicenseTable(msgspec.Struct, frozen=True, kw_only=True):
    """CSV with a header; a dry run issues nothing. ``on_error``: ``abort`` all, or ``skip`` the row."""

    csv: str
    dry_run: bool = False
    on_error: Literal["abort", "skip"] = "abort"


@post("/v1/admin/licenses/bulk", request_max_body_size=TABLE_BYTES_MAX, tags=["licenses"])
def issue_licenses_in_bulk(
    data: JSONBody[LicenseTable], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> IssuedTable:
    """Issue a license for every row of a table, all or none unless bad rows are to be skipped.

    The answer reports on every row and shows each key, once. Where ``ok`` is false and nothing was
    to be skipped, nothing was issued.
    """
    command = issuing.IssueFromTable(
        csv=data.csv, is_dry_run=data.dry_run, on_error=issuing.OnError(data.on_error)
    )
    report = issuing.issue_from_table(
        actor,
        command,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        keys=ports.keys,
    )
    return issued_table_view(report)
