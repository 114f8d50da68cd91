"""The options by which long lists are narrowed, shared by lists and exports."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from keysat_cli.options import ADDRESS, MOMENT
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.license import LicenseStatus

_C = TypeVar("_C", bound=Callable[..., Any])

_TIME: Final = (
    click.option("--since", type=MOMENT, help="From this instant on, RFC 3339."),
    click.option("--until", type=MOMENT, help="Before this instant."),
)
_AUDIT: Final = (
    click.option("--action", metavar="ACTION", help="license.revoke for example."),
    click.option("--actor-kind", metavar="KIND", help="cli for example."),
    click.option("--actor-hash", metavar="HASH", help="SHA-256 of the credential that was used."),
    click.option("--actor-id", metavar="ID", help="The API key that was used."),
    click.option("--target-kind", metavar="KIND", help="license for example."),
    click.option("--target-id", metavar="ID", help="Only what was done to this."),
    click.option("--request-id", metavar="ID", help="Of the answer's X-Request-Id."),
    *_TIME,
)
_LICENSES: Final = (
    click.option("--product", "product_slug", metavar="PRODUCT", help="Only those of a product."),
    click.option(
        "--policy", "address", type=ADDRESS, metavar="PRODUCT/POLICY", help="Only those of a tier."
    ),
    click.option(
        "--status",
        type=click.Choice([str(status) for status in LicenseStatus]),
        help="Only those that stand so.",
    ),
    click.option(
        "--buyer-email", metavar="ADDRESS", help="Only those of this address, in whatever case."
    ),
    click.option("--nostr-npub", metavar="NPUB", help="Only those of this Nostr key."),
    click.option("--invoice-id", metavar="ID", help="Ours or the payment provider's."),
    *_TIME,
)
_INVOICES: Final = (
    click.option(
        "--status",
        type=click.Choice([str(status) for status in InvoiceStatus]),
        help="Only those that stand so.",
    ),
    click.option("--product", "product_slug", metavar="PRODUCT", help="Only those of a product."),
    click.option(
        "--buyer-email", metavar="ADDRESS", help="Only those of this address, in whatever case."
    ),
    click.option("--id", "invoice_id", metavar="ID", help="Ours or the payment provider's."),
    click.option("--provider", "account_id", metavar="ACCOUNT_ID", help="Of this account."),
    click.option("--attention", is_flag=True, help="Only those you should look at."),
    *_TIME,
)


def audit_filter_options(command: _C) -> _C:
    """Add what narrows the audit log."""
    return _added(command, _AUDIT)


def license_filter_options(command: _C) -> _C:
    """Add what narrows licenses."""
    return _added(command, _LICENSES)


def invoice_filter_options(command: _C) -> _C:
    """Add what narrows invoices."""
    return _added(command, _INVOICES)


def _added(command: _C, options: tuple[Callable[[_C], _C], ...]) -> _C:
    for option in reversed(options):
        command = option(command)
    return command
