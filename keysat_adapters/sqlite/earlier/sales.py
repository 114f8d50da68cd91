"""Carrying invoices and licenses.

A license's key follows from its row, so nothing that is in a key may change: what cannot be kept is
what no key could hold (lifecycles 1.4).
"""

from typing import Any

from keysat_adapters.sqlite.earlier.catalog import currency_of, metadata_of
from keysat_adapters.sqlite.earlier.cells import Cells, instant_of, seconds_of, shown
from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_adapters.sqlite.earlier.outcomes import Outcomes, outcomes_of
from keysat_core.domain.ids import InvoiceId, LicenseId, PolicyId, ProductId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus, SettledBy
from keysat_core.domain.license import NEVER, License, LicenseStatus
from keysat_core.limits import (
    AMOUNT_MAX,
    ENTITLEMENT_BYTES_MAX,
    ENTITLEMENTS_MAX,
    SEATS_MAX,
)


def carry_invoices(mover: Mover) -> None:
    """Carry invoices; those that were settled and delivered nothing are held (lifecycles 13.2)."""
    outcomes = outcomes_of(mover)
    sql = "SELECT invoice_id, base_price_sats FROM discount_redemptions"
    bases: dict[str, Any] = dict(mover.query(sql))

    def invoice(cells: Cells) -> None:
        found = _invoice(mover, cells, outcomes, base=bases.get(cells.id))
        mover.tx.invoices.put_invoice(found)

    mover.each("invoices", invoice)


def carry_licenses(mover: Mover) -> None:
    """Carry licenses."""

    def license_(cells: Cells) -> None:
        mover.tx.licenses.put_license(_license(mover, cells))

    mover.each("licenses", license_)


def _invoice(mover: Mover, cells: Cells, outcomes: Outcomes, *, base: object) -> Invoice:
    status = cells.choice(
        "status", InvoiceStatus, otherwise=InvoiceStatus.PENDING, rule="lifecycles 7.1"
    )
    was_paid = cells.id in outcomes.licensed or cells.id in outcomes.overwritten
    if was_paid and status is not InvoiceStatus.SETTLED:
        cells.changed(f"it was {status} though it was delivered; it is settled now", "D11")
        status = InvoiceStatus.SETTLED
    created_at = cells.at("created_at", otherwise=mover.now)
    updated_at = cells.at("updated_at", otherwise=created_at)
    is_settled = status is InvoiceStatus.SETTLED
    has_effect = cells.id in outcomes.delivered
    held_at: Instant | None = None
    if is_settled and not has_effect:
        held_at = mover.now
        cells.defect(
            "it is settled, but nothing was delivered for it. Nothing is delivered by itself: look"
            f" whether the buyer has a license by now; if not, keysat invoice settle {cells.id}"
            " delivers it",
            "D12",
        )
    amount = cells.number("amount_sats", high=AMOUNT_MAX)
    account_id = mover.optional(cells, "payment_provider_id", "payment_providers")
    policy_id = mover.optional(cells, "policy_id", "policies")
    listed = cells.raw("listed_currency")
    return Invoice(
        id=InvoiceId(cells.required("id")),
        product_id=ProductId(mover.needed(cells, "product_id", "products")),
        policy_id=None if policy_id is None else PolicyId(policy_id),
        status=status,
        amount_sats=amount,
        base_price_sats=base if isinstance(base, int) and base >= 0 else amount,
        listed_currency=None if listed is None else currency_of(cells, "listed_currency"),
        listed_value=cells.optional_number("listed_value", high=AMOUNT_MAX),
        exchange_rate_centibps=cells.optional_number("exchange_rate_centibps", high=2**63 - 1),
        exchange_rate_source=cells.text("exchange_rate_source"),
        buyer_email=cells.text("buyer_email"),
        buyer_note=cells.text("buyer_note"),
        provider_account_id=None if account_id is None else ProviderAccountId(account_id),
        provider_invoice_id=cells.text("btcpay_invoice_id"),
        checkout_url=cells.text("checkout_url") or "",
        created_at=created_at,
        updated_at=updated_at,
        settled_at=updated_at if is_settled else None,
        effect_at=updated_at if is_settled and has_effect else None,
        settled_by=SettledBy.PROVIDER if is_settled and amount else None,
        held_at=held_at,
    )


def _license(mover: Mover, cells: Cells) -> License:
    status, reason = _status(cells)
    invoice_id = mover.optional(cells, "invoice_id", "invoices")
    policy_id = mover.optional(cells, "policy_id", "policies")
    return License(
        id=LicenseId(cells.uuid("id")),
        product_id=ProductId(mover.needed(cells, "product_id", "products")),
        policy_id=None if policy_id is None else PolicyId(policy_id),
        invoice_id=None if invoice_id is None else InvoiceId(invoice_id),
        status=status,
        issued_at=_issued_at(mover, cells),
        expires_at=_expires_at(cells),
        grace_seconds=cells.number("grace_seconds"),
        max_machines=cells.number("max_machines", high=SEATS_MAX, rule="lifecycles 3"),
        is_trial=cells.flag("is_trial"),
        entitlements=_entitlements(cells),
        fingerprint=cells.text("fingerprint"),
        buyer_email=cells.text("buyer_email"),
        nostr_npub=cells.text("nostr_npub"),
        bound_identity=cells.text("bound_identity"),
        metadata=metadata_of(cells),
        suspended_at=cells.optional_at("suspended_at"),
        suspension_reason=reason or cells.text("suspension_reason"),
        revoked_at=cells.optional_at("revoked_at"),
        revocation_reason=cells.text("revocation_reason"),
    )


def _issued_at(mover: Mover, cells: Cells) -> Instant:
    found = instant_of(cells.raw("issued_at"))
    if found is None:
        cells.rekeyed(f"it was issued at {shown(cells.raw('issued_at'))}, which is no time", "D33")
    return mover.now if found is None else found


def _expires_at(cells: Cells) -> Instant | None:
    """Give the expiry as the earlier server took it: what is no time never comes (D33)."""
    text = cells.raw("expires_at")
    seconds = seconds_of(text)
    if seconds is not None and seconds <= NEVER:
        cells.rekeyed(f"it expired at {shown(text)}; it is one second later now", "D33")
        return Instant(NEVER + 1)
    found = cells.optional_at("expires_at")
    if found is None and text is not None:
        what = f"its expiry {shown(text)} is no time, so that its key was and is perpetual"
        cells.defect(what, "D33")
    return found


def _entitlements(cells: Cells) -> tuple[str, ...]:
    """Give what a key can hold of a license's entitlements, blank ones too (lifecycles 1.2, D34)."""
    found = cells.words("entitlements_json")
    kept = tuple(
        word for word in found if len(word.encode()) <= ENTITLEMENT_BYTES_MAX and "\0" not in word
    )[:ENTITLEMENTS_MAX]
    if kept != found:
        cells.rekeyed(
            f"{len(found) - len(kept)} entitlements that no key can hold were left", "D34"
        )
    return kept


def _status(cells: Cells) -> tuple[LicenseStatus, str | None]:
    """Give the status; what the earlier server answered ``invalid_state`` to is suspended."""
    word = cells.raw("status")
    status = cells.choice(
        "status", LicenseStatus, otherwise=LicenseStatus.SUSPENDED, rule="lifecycles 2.3"
    )
    if status == word:
        return status, None
    return status, f"its state was {shown(word)} at the earlier server"
