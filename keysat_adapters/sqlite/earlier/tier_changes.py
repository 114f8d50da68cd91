"""Carrying changes of tier. Source: lifecycles 13.2, the one automatic step of an adoption."""

import msgspec

from keysat_adapters.sqlite.earlier.catalog import currency_of
from keysat_adapters.sqlite.earlier.cells import Cells, RowLeft, instant_of
from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_core.domain.ids import InvoiceId, LicenseId, PolicyId, TierChangeId
from keysat_core.domain.instant import Instant, rfc3339
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.money import Money
from keysat_core.domain.tier_change import ChangeActor, Direction, TierChange
from keysat_core.limits import AMOUNT_MAX


def carry_tier_changes(mover: Mover) -> None:
    """Carry changes. Of several that wait where one may, the newest does; the others are withdrawn."""

    def change(cells: Cells) -> None:
        found = _change(mover, cells)
        if found.is_open:
            _withdraw_older(mover, found)
        mover.tx.tier_changes.put_tier_change(found)

    mover.each("tier_changes", change)


def _change(mover: Mover, cells: Cells) -> TierChange:
    created_at = cells.at("created_at", otherwise=mover.now)
    effective_at = cells.at("effective_at", otherwise=created_at)
    invoice_id = mover.optional(cells, "invoice_id", "invoices")
    applied_at, withdrawn_at = _outcome(mover, invoice_id, created_at, effective_at)
    if invoice_id is None and applied_at is None and effective_at <= mover.now:
        applied_at = _made_by_then(mover, cells, effective_at)
    direction, actor = cells.raw("direction"), cells.raw("actor")
    if direction not in set(Direction) or actor not in set(ChangeActor):
        raise RowLeft("its direction or its actor is not known")
    return TierChange(
        id=TierChangeId(cells.required("id")),
        license_id=LicenseId(mover.needed(cells, "license_id", "licenses")),
        from_policy_id=PolicyId(mover.needed(cells, "from_policy_id", "policies")),
        to_policy_id=PolicyId(mover.needed(cells, "to_policy_id", "policies")),
        direction=Direction(str(direction)),
        charge=Money(
            currency=currency_of(cells, "listed_currency"),
            amount=cells.number("proration_charge_value", high=AMOUNT_MAX),
        ),
        invoice_id=None if invoice_id is None else InvoiceId(invoice_id),
        effective_at=effective_at,
        actor=ChangeActor(str(actor)),
        reason=cells.text("reason"),
        created_at=created_at,
        applied_at=applied_at,
        withdrawn_at=withdrawn_at,
    )


def _outcome(
    mover: Mover, invoice_id: str | None, created_at: Instant, effective_at: Instant
) -> tuple[Instant | None, Instant | None]:
    """Give when a change was applied, and when it was withdrawn."""
    if invoice_id is None:
        return (created_at, None) if effective_at <= created_at else (None, None)
    invoice = mover.tx.invoices.get_invoice(InvoiceId(invoice_id))
    if invoice.held_at is not None:
        # It was paid and not made: its operator's word makes it.
        return None, None
    if invoice.status is InvoiceStatus.SETTLED:
        return created_at, None
    return None, None if invoice.status is InvoiceStatus.PENDING else invoice.updated_at


def _made_by_then(mover: Mover, cells: Cells, effective_at: Instant) -> Instant | None:
    """Tell whether a scheduled change whose day has passed was made: nobody noted it (D5, B-18).

    It was, if the license is on its tier, or was changed again after that day.
    """
    license_id, to_policy_id = cells.required("license_id"), cells.required("to_policy_id")
    policies = mover.query("SELECT policy_id FROM licenses WHERE id = ?", license_id)
    later = mover.query("SELECT effective_at FROM tier_changes WHERE license_id = ?", license_id)
    times = [instant_of(text) or 0 for (text,) in later]
    if (to_policy_id,) in policies or max(times) > effective_at:
        cells.changed(f"it was made at {rfc3339(effective_at)}, and is marked so now", "D5")
        return effective_at
    cells.defect(
        f"it was to take effect at {rfc3339(effective_at)} and did not. It does when its subscription is"
        f" next looked at; to withdraw it: keysat tier cancel {license_id} {cells.id}",
        "D5",
    )
    return None


def _withdraw_older(mover: Mover, found: TierChange) -> None:
    """Make room for one that waits. Rows come in the order they were written.

    What is withdrawn is applied all the same once its invoice is paid (domain.tier_change).
    """
    changes = mover.tx.tier_changes
    rivals = [changes.find_open_change(found.license_id, found.to_policy_id)]
    if found.invoice_id is None:
        rivals.append(changes.find_scheduled_change(found.license_id))
    for rival in {one.id: one for one in rivals if one is not None}.values():
        cells = Cells("tier_changes", rival.id, {}, mover.ledger)
        cells.changed(f"change {found.id} waits for the same license; this is withdrawn", "D38")
        changes.put_tier_change(_withdrawn(rival, found.created_at))


def _withdrawn(change: TierChange, at: Instant) -> TierChange:
    return msgspec.structs.replace(change, withdrawn_at=at)
