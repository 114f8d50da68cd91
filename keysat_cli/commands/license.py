"""``keysat license``: what was sold or given away."""

from typing import Any, Final

import click
import msgspec

from keysat_cli.commands.filter_options import license_filter_options
from keysat_cli.commands.issue_many import issue_many
from keysat_cli.commands.license_import import import_
from keysat_cli.commands.license_options import grant_options, granted_fields
from keysat_cli.commands.license_scope import license_filter
from keysat_cli.groups import NounGroup
from keysat_cli.options import confirm, dry_run_option, page_options, yes_option
from keysat_cli.output import emit, facts, listing, note, time_text
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.license import License, LicenseStatus
from keysat_core.limits import PAGE_DEFAULT
from keysat_core.use_cases.licenses.change_license_status import (
    ChangedLicense,
    reinstate_license,
    revoke_license,
    suspend_license,
)
from keysat_core.use_cases.licenses.issue_license import IssueLicense, issue_license
from keysat_core.use_cases.licenses.list_licenses import (
    count_licenses,
    list_licenses,
    show_license,
    summarize_licenses,
)
from keysat_core.use_cases.licenses.recover_license import RecoverLicense, recover_license
from keysat_core.use_cases.licenses.show_license_key import show_license_key
from keysat_core.use_cases.tiers.list_changes import list_tier_changes
from keysat_http.views.license import (
    issued_license_view,
    license_counts_view,
    license_list_view,
    license_summary_view,
    license_view,
)
from keysat_http.views.recovered_license import recovered_view
from keysat_http.views.tier_change import license_detail_view

HEADINGS: Final = ("id", "status", "product", "policy", "buyer", "issued at", "expires at")

id_argument = click.argument("license_id", metavar="LICENSE_ID")
reason_option = click.option("--reason", metavar="TEXT", help="Kept with the license.")


class LicenseKey(msgspec.Struct, frozen=True, kw_only=True):
    """A license's key, and whether the license stands."""

    license_id: str
    status: LicenseStatus
    license_key: str


@click.group(cls=NounGroup)
def license() -> None:
    """Issue, find, suspend and revoke licenses."""


license.add_command(issue_many)
license.add_command(import_)


@license.command()
@grant_options
def issue(**fields: Any) -> None:
    """Issue a license without a sale, and show its key."""
    command = IssueLicense(**granted_fields(fields))
    with open_shop() as ports:
        issued = issue_license(
            OPERATOR,
            command,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            keys=ports.keys,
        )
    emit(issued_license_view(issued), [*_lines(issued.license), "", issued.key])


@license.command("list")
@license_filter_options
@page_options(PAGE_DEFAULT)
def list_(*, limit: int, offset: int, **fields: Any) -> None:
    """List licenses, newest first; every option given must match."""
    with open_shop() as ports:
        criteria = msgspec.structs.replace(
            license_filter(ports, fields), limit=limit, offset=offset
        )
        page = list_licenses(OPERATOR, criteria, store=ports.store)
    cells = [
        (
            row.license.id,
            row.license.status,
            row.product_slug,
            row.policy_slug,
            row.license.buyer_email,
            time_text(row.license.issued_at),
            time_text(row.license.expires_at) or "never",
        )
        for row in page.rows
    ]
    emit(license_list_view(page), listing(HEADINGS, cells, noun="licenses"))
    if page.total.number > offset + len(page.rows):
        note(f"There are more: add --offset {offset + limit}.")


@license.command()
@id_argument
def show(license_id: str) -> None:
    """Show a license, never its key."""
    with open_shop() as ports:
        found = show_license(OPERATOR, LicenseId(license_id), store=ports.store)
        changes = list_tier_changes(OPERATOR, found.id, store=ports.store)
    emit(license_detail_view(found, changes), _lines(found))


@license.command()
@id_argument
def key(license_id: str) -> None:
    """Show the key of a license again, whatever its status."""
    with open_shop() as ports:
        shown = show_license_key(
            OPERATOR, LicenseId(license_id), store=ports.store, keys=ports.keys
        )
    found = shown.license
    view = LicenseKey(license_id=found.id, status=found.status, license_key=shown.key)
    emit(view, [*facts((("id", found.id), ("status", found.status))), "", shown.key])


@license.command()
@click.argument("invoice_id", metavar="INVOICE_ID")
@click.argument("email", metavar="ADDRESS")
def recover(invoice_id: str, email: str) -> None:
    """Show the key of an active license again, as the buyer's page would.

    The invoice may be that of the purchase, of a renewal or of a change of tier.
    """
    command = RecoverLicense(invoice_id=invoice_id, email=email)
    with open_shop() as ports:
        recovered = recover_license(
            OPERATOR, command, store=ports.store, clock=ports.clock, keys=ports.keys
        )
    emit(recovered_view(recovered), [*_lines(recovered.license), "", recovered.key])


@license.command()
@id_argument
@reason_option
@yes_option
@dry_run_option
def revoke(license_id: str, *, reason: str | None, is_yes: bool) -> None:
    """End a license for good."""
    with open_shop() as ports:
        found = show_license(OPERATOR, LicenseId(license_id), store=ports.store)
        confirm(f"Revoke license {found.id} for good?", is_yes=is_yes)
        outcome = revoke_license(
            OPERATOR,
            found.id,
            reason=reason,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    _emit_change(outcome)


@license.command()
@id_argument
@reason_option
@dry_run_option
def suspend(license_id: str, *, reason: str | None) -> None:
    """Stop a license for a while."""
    with open_shop() as ports:
        outcome = suspend_license(
            OPERATOR,
            LicenseId(license_id),
            reason=reason,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    _emit_change(outcome)


@license.command()
@id_argument
@dry_run_option
def unsuspend(license_id: str) -> None:
    """Lift a suspension."""
    with open_shop() as ports:
        outcome = reinstate_license(
            OPERATOR,
            LicenseId(license_id),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    _emit_change(outcome)


@license.command()
def summary() -> None:
    """Count licenses by status and age."""
    with open_shop() as ports:
        counted = summarize_licenses(OPERATOR, store=ports.store, clock=ports.clock)
    pairs = (
        ("total", counted.total),
        ("active", counted.active),
        ("suspended", counted.suspended),
        ("revoked", counted.revoked),
        ("last 24 h", counted.last_24h),
        ("last 7 d", counted.last_7d),
    )
    emit(license_summary_view(counted), facts(pairs))


@license.command()
def counts() -> None:
    """Count licenses per product and per policy id."""
    with open_shop() as ports:
        counted = count_licenses(OPERATOR, store=ports.store)
    rows = [("product", key, count) for key, count in counted.by_product.items()]
    rows += [("policy", key, count) for key, count in counted.by_policy.items()]
    emit(license_counts_view(counted), listing(("of", "id", "licenses"), rows, noun="licenses"))


def _emit_change(outcome: ChangedLicense) -> None:
    if outcome.is_already:
        note(f"License {outcome.license.id} was {outcome.license.status} already.")
    emit(license_view(outcome.license), _lines(outcome.license))


def _lines(found: License) -> list[str]:
    return facts(
        (
            ("id", found.id),
            ("status", found.status),
            ("suspended", found.suspension_reason),
            ("revoked", found.revocation_reason),
            ("product id", found.product_id),
            ("policy id", found.policy_id),
            ("invoice id", found.invoice_id),
            ("buyer", found.buyer_email),
            ("npub", found.nostr_npub),
            ("issued at", time_text(found.issued_at)),
            ("expires at", time_text(found.expires_at) or "never"),
            ("grace seconds", found.grace_seconds),
            ("seats", found.max_machines or "no cap"),
            ("trial", found.is_trial),
            ("entitlements", found.entitlements),
            ("metadata", found.metadata or None),
        )
    )
