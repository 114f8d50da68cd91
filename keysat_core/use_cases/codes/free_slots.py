"""Give back uses of codes that are held by invoices which can no longer be paid."""

from typing import Final

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.ending import code_given_back, code_released
from keysat_core.domain.events import outbox_event
from keysat_core.domain.ids import EventId, RedemptionId
from keysat_core.domain.instant import HOUR_SECONDS, Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.redemption import CodeUse, RedemptionStatus, Withdraw, advance
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction

HELD_SECONDS: Final = 72 * HOUR_SECONDS
"""How long an invoice that never ends may hold a use (lifecycles 6.4 b, D17)."""

PROCESSING: Final = "processing"
"""How every provider's word for money on its way begins, in whatever case."""


def list_held_slots(limit: int, *, store: Store, clock: Clock) -> list[RedemptionId]:
    """Give uses that may have to be given back, oldest first."""
    with store.reading() as tx:
        return tx.codes.list_held(Instant(clock.now() - HELD_SECONDS), limit)


def free_slot(redemption_id: RedemptionId, *, store: Store, clock: Clock, ids: Ids) -> bool:
    """Give one use back, if its invoice ended or has waited too long; tell whether it was.

    An invoice whose payment is under way keeps its use. One that is paid after all redeems the code
    all the same. Calling it again changes nothing.
    """
    now = clock.now()
    with store.writing() as tx:
        redemption = tx.codes.find_redemption(redemption_id)
        if redemption is None or redemption.status is not RedemptionStatus.PENDING:
            return False
        invoice = tx.invoices.get_invoice(redemption.invoice_id)
        if not _is_over(invoice, now):
            return False
        use = CodeUse(redemption=redemption, code=tx.codes.get_code(redemption.code_id))
        _free(tx, use, ids, now)
    return True


def _is_over(invoice: Invoice, now: Instant) -> bool:
    match invoice.status:
        case InvoiceStatus.EXPIRED | InvoiceStatus.INVALID:
            return True
        case InvoiceStatus.PENDING:
            said = (invoice.provider_status_raw or "").casefold()
            return now - invoice.created_at >= HELD_SECONDS and not said.startswith(PROCESSING)
        case InvoiceStatus.SETTLED:
            return False


def _free(tx: Transaction, use: CodeUse, ids: Ids, now: Instant) -> None:
    freed = advance(use, Withdraw(), now=now)
    tx.codes.put_code(freed.code)
    tx.codes.put_redemption(freed.redemption)
    tx.trail.append_audit(code_released(freed, SYSTEM, now))
    event = outbox_event(code_given_back(freed), event_id=EventId(ids.new()), now=now)
    tx.trail.append_event(event)
