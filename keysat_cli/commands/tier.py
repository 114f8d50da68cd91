"""``keysat tier``: put a license on another tier, and see what that would do or has done."""

from typing import Final

import click
from msgspec import UNSET

from keysat_cli.groups import NounGroup
from keysat_cli.options import confirm, dry_run_option, yes_option
from keysat_cli.output import emit, facts, listing, note, time_text
from keysat_cli.session import OPERATOR, environment, open_shop
from keysat_cli.settings import read_store_settings
from keysat_core.domain.ids import LicenseId, TierChangeId
from keysat_core.domain.tier_quote import NEXT_CYCLE
from keysat_core.domain.tier_request import AT_ONCE, ChangeRequest, is_waiting
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.show_tier import show_tier
from keysat_core.use_cases.tiers.give_change import GivenTier, give_change
from keysat_core.use_cases.tiers.list_changes import (
    ChangeRow,
    QuotedTier,
    list_tier_changes,
    preview_change,
)
from keysat_core.use_cases.tiers.schedule_change import (
    ScheduledTier,
    cancel_scheduled_change,
    schedule_change,
)
from keysat_http.views.outcome import Done
from keysat_http.views.tier import tier_view
from keysat_http.views.tier_change import (
    dry_run_view,
    given_view,
    scheduled_view,
    tier_change_list_view,
    tier_preview_view,
)

HEADINGS: Final = ("id", "from", "to", "by", "charge", "state", "created at", "reason")

license_argument = click.argument("license_id", metavar="LICENSE_ID")
tier_argument = click.argument("slug", metavar="TIER")
apply_at_option = click.option(
    "--apply-at",
    type=click.Choice([AT_ONCE, NEXT_CYCLE]),
    default=AT_ONCE,
    show_default=True,
    help="A downgrade between recurring tiers can wait for the end of what is paid.",
)


@click.group(cls=NounGroup)
def tier() -> None:
    """Put licenses on other tiers."""


@tier.command()
@license_argument
@tier_argument
@apply_at_option
@click.option("--reason", metavar="TEXT", help="Kept with the change.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Only say what would be done.")
@yes_option
def change(
    license_id: str,
    slug: str,
    *,
    apply_at: str,
    reason: str | None,
    is_dry_run: bool,
    is_yes: bool,
) -> None:
    """Put a license on another tier without a payment.

    What the license would lose is shown first, and asked about. To have the buyer pay, use
    POST /v1/admin/licenses/LICENSE_ID/change-tier with skip_payment false.
    """
    request = ChangeRequest(
        license_id=LicenseId(license_id), target_slug=slug, reason=reason, apply_at=apply_at
    )
    with open_shop() as ports:
        quoted = _preview(ports, request, is_paid=False)
        if is_dry_run:
            emit(dry_run_view(request.license_id, quoted, is_paid=False), _preview_lines(quoted))
            return
        for warning in quoted.loss.warnings:
            note(f"Warning: {warning}.")
        if quoted.loss.warnings:
            confirm(f"Put license {license_id} on tier {slug}?", is_yes=is_yes)
        if is_waiting(apply_at):
            scheduled = _schedule(ports, request)
            emit(scheduled_view(scheduled), _scheduled_lines(scheduled))
            return
        given = give_change(
            OPERATOR,
            request,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            self_license=ports.self_license,
        )
    emit(given_view(given), _given_lines(given))


@tier.command()
@license_argument
@tier_argument
@apply_at_option
@click.option("--paid", "is_paid", is_flag=True, help="As if the buyer paid for it.")
def quote(license_id: str, slug: str, *, apply_at: str, is_paid: bool) -> None:
    """Tell what another tier would cost the buyer, and what the license would lose."""
    request = ChangeRequest(license_id=LicenseId(license_id), target_slug=slug, apply_at=apply_at)
    with open_shop() as ports:
        quoted = _preview(ports, request, is_paid=is_paid)
    emit(tier_preview_view(quoted), _preview_lines(quoted))


@tier.command()
@license_argument
def history(license_id: str) -> None:
    """List the changes of a license's tier, newest first."""
    with open_shop() as ports:
        rows = list_tier_changes(OPERATOR, LicenseId(license_id), store=ports.store)
    cells = [
        (
            row.change.id,
            row.from_slug,
            row.to_slug,
            row.change.actor,
            row.change.charge,
            _state(row),
            time_text(row.change.created_at),
            row.change.reason,
        )
        for row in rows
    ]
    emit(
        tier_change_list_view(rows, total=len(rows)),
        listing(HEADINGS, cells, noun="changes of tier"),
    )


@tier.command()
@license_argument
@click.argument("change_id", metavar="CHANGE_ID")
@dry_run_option
def cancel(license_id: str, change_id: str) -> None:
    """Call off a change that waits for the next cycle."""
    with open_shop() as ports:
        outcome = cancel_scheduled_change(
            OPERATOR,
            LicenseId(license_id),
            TierChangeId(change_id),
            store=ports.store,
            clock=ports.clock,
        )
    said = "was called off already" if outcome.is_already else "is called off"
    done = Done(ok=True, already="withdrawn" if outcome.is_already else UNSET)
    emit(done, [f"The change {said}."])


@tier.command()
def show() -> None:
    """Show this server's own tier of Keysat, its caps, and what counts against them."""
    settings = read_store_settings(environment())
    with open_shop() as ports:
        overview = show_tier(OPERATOR, store=ports.store, self_license=ports.self_license)
    view = tier_view(overview, is_sandbox=settings.is_sandbox)
    pairs = (
        ("tier", view.tier_name),
        ("products", f"{view.usage.products} of {view.caps.products or 'any number'}"),
        ("policies of a product", f"up to {view.caps.policies_per_product or 'any number'}"),
        ("active codes", f"{view.usage.active_codes} of {view.caps.active_codes or 'any number'}"),
        (
            "merchant profiles",
            f"{view.usage.merchant_profiles} of {view.caps.merchant_profiles or 'any number'}",
        ),
        ("entitlements", view.entitlements),
        ("next tier", view.upgrade_url),
    )
    emit(view, facts(pairs))


def _preview(ports: Ports, request: ChangeRequest, *, is_paid: bool) -> QuotedTier:
    return preview_change(
        OPERATOR,
        request,
        is_paid=is_paid,
        store=ports.store,
        clock=ports.clock,
        self_license=ports.self_license,
    )


def _schedule(ports: Ports, request: ChangeRequest) -> ScheduledTier:
    return schedule_change(
        OPERATOR,
        request,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        self_license=ports.self_license,
    )


def _preview_lines(quoted: QuotedTier) -> list[str]:
    told = quoted.quote
    return facts(
        (
            ("from", told.source.slug),
            ("to", told.target.slug),
            ("direction", told.direction),
            ("costs the buyer", told.charge),
            ("takes effect", time_text(told.effective_at) or "at once"),
            ("then costs", told.next_charge),
            ("every days", told.next_period_days),
            *(("warning", warning) for warning in quoted.loss.warnings),
        )
    )


def _given_lines(given: GivenTier) -> list[str]:
    return facts(
        (
            ("license", given.license.id),
            ("from", given.quote.source.slug),
            ("to", given.quote.target.slug),
            ("change", given.change.id),
            ("expires at", time_text(given.license.expires_at) or "never"),
        )
    )


def _scheduled_lines(scheduled: ScheduledTier) -> list[str]:
    return facts(
        (
            ("license", scheduled.change.license_id),
            ("from", scheduled.quote.source.slug),
            ("to", scheduled.quote.target.slug),
            ("change", scheduled.change.id),
            ("takes effect", time_text(scheduled.change.effective_at)),
        )
    )


def _state(row: ChangeRow) -> str:
    change = row.change
    if change.applied_at is not None:
        return "applied"
    if change.withdrawn_at is not None:
        return "withdrawn"
    return "scheduled" if change.invoice_id is None else "waits for payment"
