"""Changes of tier on the wire. Source: public-api 12, admin-api 2.6, B-34."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.instant import rfc3339, rfc3339_or_none
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License as DomainLicense
from keysat_core.domain.money import Currency
from keysat_core.domain.tier_change import ChangeActor, Direction, TierChange
from keysat_core.domain.tier_comp import TierLoss
from keysat_core.domain.tier_quote import TierQuote as Quote
from keysat_core.use_cases.tiers.give_change import GivenTier
from keysat_core.use_cases.tiers.list_changes import ChangeRow, QuotedTier
from keysat_core.use_cases.tiers.order_change import OrderedTier
from keysat_core.use_cases.tiers.schedule_change import ScheduledTier
from keysat_http.views.license import License, license_view

IMMEDIATE = "immediate"
"""``effective_at`` of a change that does not wait (public-api 12.1)."""


class TierQuote(msgspec.Struct, frozen=True, kw_only=True):
    """What a change costs now, and what the target costs from then on; nulls for a one-off target."""

    from_policy_id: str
    from_policy_slug: str
    to_policy_id: str
    to_policy_slug: str
    direction: Direction
    listed_currency: Currency
    proration_charge_value: int
    effective_at: str
    next_renewal_charge: int | None
    next_renewal_period_days: int | None


class TierPreview(TierQuote, frozen=True, kw_only=True):
    """A quote for operators, with what the license would lose."""

    entitlements_lost: tuple[str, ...]
    seats_over: int
    warnings: tuple[str, ...]


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    """A change a buyer began. One that waits for the next cycle has no invoice: blanks and 0."""

    invoice_id: str
    provider_invoice_id: str
    checkout_url: str
    amount_sats: int
    proration_charge_value: int
    listed_currency: Currency
    tier_change_id: str
    from_policy_slug: str
    to_policy_slug: str
    effective_at: str


class ChangedTier(msgspec.Struct, frozen=True, kw_only=True):
    """A change an operator made or began; fields of an invoice only where there is one.

    ``dry_run``: nothing was written, and there is no ``tier_change_id``.
    """

    ok: bool
    applied: bool
    license_id: str
    skip_payment: bool
    from_policy_slug: str
    to_policy_slug: str
    effective_at: str
    entitlements_lost: tuple[str, ...] = ()
    seats_over: int = 0
    warnings: tuple[str, ...] = ()
    tier_change_id: str | UnsetType = UNSET
    dry_run: bool | UnsetType = UNSET
    already: str | UnsetType = UNSET
    invoice_id: str | UnsetType = UNSET
    provider_invoice_id: str | UnsetType = UNSET
    checkout_url: str | UnsetType = UNSET
    amount_sats: int | UnsetType = UNSET
    proration_charge_value: int | UnsetType = UNSET
    listed_currency: Currency | UnsetType = UNSET


class TierChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a license's tier. Slugs are null where the tier is gone."""

    id: str
    from_policy_id: str
    from_policy_slug: str | None
    to_policy_id: str
    to_policy_slug: str | None
    direction: Direction
    listed_currency: Currency
    proration_charge_value: int
    invoice_id: str | None
    effective_at: str
    actor: ChangeActor
    reason: str | None
    created_at: str
    applied_at: str | None
    withdrawn_at: str | None


class TierChangeList(msgspec.Struct, frozen=True, kw_only=True):
    """Changes of a license's tier, newest first."""

    tier_changes: list[TierChangeView]
    total: int


class LicenseDetail(License, frozen=True, kw_only=True):
    """A license with the changes of its tier, newest first."""

    tier_changes: list[TierChangeView]


def tier_quote_view(quote: Quote) -> TierQuote:
    """Render a quote."""
    return TierQuote(
        from_policy_id=quote.source.id,
        from_policy_slug=quote.source.slug,
        to_policy_id=quote.target.id,
        to_policy_slug=quote.target.slug,
        direction=quote.direction,
        listed_currency=quote.charge.currency,
        proration_charge_value=quote.charge.amount,
        effective_at=_effective(quote),
        next_renewal_charge=None if quote.next_charge is None else quote.next_charge.amount,
        next_renewal_period_days=quote.next_period_days,
    )


def tier_preview_view(quoted: QuotedTier) -> TierPreview:
    """Render a quote for operators."""
    plain = msgspec.structs.asdict(tier_quote_view(quoted.quote))
    return TierPreview(**plain, **_lost(quoted.loss))


def upgrade_view(ordered: OrderedTier, invoice: Invoice) -> Upgrade:
    """Render an order; ``invoice`` carries what the provider answered since."""
    return Upgrade(
        invoice_id=invoice.id,
        provider_invoice_id=invoice.provider_invoice_id or "",
        checkout_url=invoice.checkout_url,
        amount_sats=invoice.amount_sats,
        proration_charge_value=ordered.change.charge.amount,
        listed_currency=ordered.change.charge.currency,
        tier_change_id=ordered.change.id,
        from_policy_slug=ordered.quote.source.slug,
        to_policy_slug=ordered.quote.target.slug,
        effective_at=IMMEDIATE,
    )


def scheduled_upgrade_view(scheduled: ScheduledTier) -> Upgrade:
    """Render a downgrade that waits."""
    return Upgrade(
        invoice_id="",
        provider_invoice_id="",
        checkout_url="",
        amount_sats=0,
        proration_charge_value=scheduled.change.charge.amount,
        listed_currency=scheduled.change.charge.currency,
        tier_change_id=scheduled.change.id,
        from_policy_slug=scheduled.quote.source.slug,
        to_policy_slug=scheduled.quote.target.slug,
        effective_at=rfc3339(scheduled.change.effective_at),
    )


def given_view(given: GivenTier) -> ChangedTier:
    """Render a change that was given away."""
    return ChangedTier(
        ok=True,
        applied=True,
        license_id=given.license.id,
        skip_payment=True,
        from_policy_slug=given.quote.source.slug,
        to_policy_slug=given.quote.target.slug,
        effective_at=IMMEDIATE,
        tier_change_id=given.change.id,
        **_lost(given.loss),
    )


def ordered_view(ordered: OrderedTier, invoice: Invoice) -> ChangedTier:
    """Render a change that waits for its payment."""
    return ChangedTier(
        ok=True,
        applied=False,
        license_id=ordered.change.license_id,
        skip_payment=False,
        from_policy_slug=ordered.quote.source.slug,
        to_policy_slug=ordered.quote.target.slug,
        effective_at=IMMEDIATE,
        tier_change_id=ordered.change.id,
        invoice_id=invoice.id,
        provider_invoice_id=invoice.provider_invoice_id or "",
        checkout_url=invoice.checkout_url,
        amount_sats=invoice.amount_sats,
        proration_charge_value=ordered.change.charge.amount,
        listed_currency=ordered.change.charge.currency,
    )


def scheduled_view(scheduled: ScheduledTier) -> ChangedTier:
    """Render a change that waits for its day."""
    return ChangedTier(
        ok=True,
        applied=False,
        license_id=scheduled.change.license_id,
        skip_payment=True,
        from_policy_slug=scheduled.quote.source.slug,
        to_policy_slug=scheduled.quote.target.slug,
        effective_at=rfc3339(scheduled.change.effective_at),
        tier_change_id=scheduled.change.id,
        already="scheduled" if scheduled.is_already else UNSET,
        **_lost(scheduled.loss),
    )


def dry_run_view(license_id: str, quoted: QuotedTier, *, is_paid: bool) -> ChangedTier:
    """Render what would be done."""
    return ChangedTier(
        ok=True,
        applied=False,
        license_id=license_id,
        skip_payment=not is_paid,
        from_policy_slug=quoted.quote.source.slug,
        to_policy_slug=quoted.quote.target.slug,
        effective_at=_effective(quoted.quote),
        dry_run=True,
        proration_charge_value=quoted.quote.charge.amount,
        listed_currency=quoted.quote.charge.currency,
        **_lost(quoted.loss),
    )


def tier_change_view(row: ChangeRow) -> TierChangeView:
    """Render a change."""
    change: TierChange = row.change
    return TierChangeView(
        id=change.id,
        from_policy_id=change.from_policy_id,
        from_policy_slug=row.from_slug,
        to_policy_id=change.to_policy_id,
        to_policy_slug=row.to_slug,
        direction=change.direction,
        listed_currency=change.charge.currency,
        proration_charge_value=change.charge.amount,
        invoice_id=change.invoice_id,
        effective_at=rfc3339(change.effective_at),
        actor=change.actor,
        reason=change.reason,
        created_at=rfc3339(change.created_at),
        applied_at=rfc3339_or_none(change.applied_at),
        withdrawn_at=rfc3339_or_none(change.withdrawn_at),
    )


def tier_change_list_view(rows: Iterable[ChangeRow], *, total: int) -> TierChangeList:
    """Render changes in the order given; ``total`` counts all that are kept in view."""
    return TierChangeList(tier_changes=[tier_change_view(row) for row in rows], total=total)


def license_detail_view(license: DomainLicense, rows: Iterable[ChangeRow]) -> LicenseDetail:
    """Render a license with the changes of its tier."""
    plain = msgspec.structs.asdict(license_view(license))
    return LicenseDetail(**plain, tier_changes=[tier_change_view(row) for row in rows])


def _lost(loss: TierLoss) -> dict[str, Any]:
    return {
        "entitlements_lost": loss.entitlements,
        "seats_over": loss.seats_over,
        "warnings": loss.warnings,
    }


def _effective(quote: Quote) -> str:
    return IMMEDIATE if quote.effective_at is None else rfc3339(quote.effective_at)
