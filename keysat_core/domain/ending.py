"""What a sale that ended unpaid gives back: the use of its code, its cycle, its change of tier."""

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import AuditEntry, audited
from keysat_core.domain.events import CodeReleased, invoice_ended
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.redemption import CodeUse, RedemptionStatus, Withdraw, advance
from keysat_core.domain.renewal import asked_again
from keysat_core.domain.sale_record import BilledCycle, OrderedChange, SaleFacts, Settlement
from keysat_core.domain.subscription import LIVE, Cycle, Subscription
from keysat_core.domain.tier_change import TierChange


def end(
    facts: SaleFacts, ended: Invoice, audit: AuditEntry, actor: Actor, now: Instant
) -> Settlement:
    """Say what is written when an invoice expired, became invalid or never came to be.

    A use that is given back is taken again if the invoice is paid after all (D17). A cycle is asked
    for again by another invoice, which a worker makes. Source: lifecycles 6.4, payments 9.3.
    """
    use, freed = _freed(facts.code_use, actor, now)
    given_back = (code_given_back(use),) if use is not None else ()
    billed, ordered = facts.billed, facts.ordered
    return Settlement(
        invoice=ended,
        code_use=use,
        subscription=_asked_again(billed, ended, now),
        cycles=_superseded(billed, now),
        tier_change=_withdrawn(ordered, now),
        events=(invoice_ended(ended), *given_back),
        audits=(audit, *freed),
    )


def _freed(
    use: CodeUse | None, actor: Actor, now: Instant
) -> tuple[CodeUse | None, tuple[AuditEntry, ...]]:
    if use is None or use.redemption.status is not RedemptionStatus.PENDING:
        return None, ()
    freed = advance(use, Withdraw(), now=now)
    return freed, (code_released(freed, actor, now),)


def code_given_back(use: CodeUse) -> CodeReleased:
    """Tell that a use was given back."""
    return CodeReleased(code_id=use.code.id, redemption_id=use.redemption.id)


def code_released(use: CodeUse, actor: Actor, now: Instant) -> AuditEntry:
    """Describe a use that was given back."""
    return audited(
        actor,
        "code.released",
        now,
        target=("redemption", use.redemption.id),
        code_id=use.code.id,
        code=use.code.code,
        invoice_id=use.redemption.invoice_id,
    )


def _superseded(billed: BilledCycle | None, now: Instant) -> tuple[Cycle, ...]:
    if billed is None or not billed.cycle.is_open:
        return ()
    return (msgspec.structs.replace(billed.cycle, superseded_at=now),)


def _asked_again(billed: BilledCycle | None, ended: Invoice, now: Instant) -> Subscription | None:
    if billed is None or not billed.cycle.is_open or billed.subscription.status not in LIVE:
        return None
    was_payable = ended.provider_invoice_id is not None
    return asked_again(billed.subscription, now, was_payable=was_payable)


def _withdrawn(ordered: OrderedChange | None, now: Instant) -> TierChange | None:
    if ordered is None or not ordered.change.is_open:
        return None
    return msgspec.structs.replace(ordered.change, withdrawn_at=now)
