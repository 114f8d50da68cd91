"""Licenses, invoices, the audit log and codes as files, from a server elsewhere."""

from collections.abc import Mapping
from typing import Any, Final

from keysat_cli.commands.export import Exported, told
from keysat_cli.private_file import private_file
from keysat_cli.remote.api import API
from keysat_cli.remote.row import Params, Remote
from keysat_cli.remote.rows.queries import audit_query, invoice_query, license_query


def _write(api: API, p: Params, what: str, query: Mapping[str, Any]) -> None:
    content = api.download("export", what, format=p["format_"], **query)
    with private_file(p["output"]) as file:
        file.write(content)
    told(
        Exported(ok=True, path=p["output"], format=p["format_"], bytes=len(content), expected=None)
    )


def _licenses(api: API, p: Params) -> None:
    _write(api, p, "licenses", license_query(api, p))


def _invoices(api: API, p: Params) -> None:
    _write(api, p, "invoices", invoice_query(p))


def _audit(api: API, p: Params) -> None:
    _write(api, p, "audit", audit_query(p))


def _codes(api: API, p: Params) -> None:
    query = {
        "product_slug": p["product_slug"],
        "include_inactive": "false" if p["is_active_only"] else "true",
    }
    _write(api, p, "discount-codes", query)


ROWS: Final[Mapping[str, Remote]] = {
    "export licenses": Remote(run=_licenses),
    "export invoices": Remote(run=_invoices),
    "export audit": Remote(run=_audit),
    "export codes": Remote(run=_codes),
}
