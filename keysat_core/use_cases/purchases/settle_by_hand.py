"""Settle an invoice on the operator's word (decisions 17, payments 9.3).

The provider is asked first, by ``settle_invoice`` and outside any transaction; what is here are the
steps before and after that. A provider that gives no answer keeps nobody from settling what ended.
"""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import outbox_event
from keysat_core.domain.ids import EventId, InvoiceId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus, SettledBy
from keysat_core.domain.listing import InvoiceRow
from keysat_core.domain.sale import fulfil
from keysat_core.domain.sale_record import Settlement, new_ids
from keysat_core.domain.text import cut_text
from keysat_core.errors import StillPayable
from keysat_core.limits import REASON_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction

SETTLE_REASON = "admin settle"
"""Reason when the operator gives none."""


class SettleByHand(msgspec.Struct, frozen=True, kw_only=True):
    """Which invoice, and why.

    ``is_forced``: also while its buyer may still pay it. ``is_provider_asked``: its provider was
    asked just before this and answered.
    """

    invoice_id: InvoiceId
    reason: str | None = None
    is_forced: bool = False
    is_provider_asked: bool = False


class SettledByHand(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice now, with its license. ``is_already``: it was settled before, nothing changed."""

    row: InvoiceRow
    is_already: bool = False


def needs_asking(actor: Actor, invoice_id: InvoiceId, *, store: Store) -> bool:
    """Tell whether the settle routine has anything to find out before the operator's word counts.

    Raises:
        Forbidden: the actor lacks ``invoices:write``.
        NotFound: no such invoice.
    """
    authorize(actor, Scope.INVOICES_WRITE)
    with store.reading() as tx:
        return not _is_done(tx.invoices.get_invoice(invoice_id))


def settle_by_hand(
    actor: Actor, command: SettleByHand, *, store: Store, clock: Clock, ids: Ids
) -> SettledByHand:
    """Settle an invoice that ended, with its one effect; one that is settled is left as it is.

    Raises:
        Forbidden: the actor lacks ``invoices:write``.
        NotFound: no such invoice.
        StillPayable: it has not ended, and it is not forced.
    """
    authorize(actor, Scope.INVOICES_WRITE)
    why = cut_text(command.reason, REASON_CHARS_MAX, field="reason") or SETTLE_REASON
    now = clock.now()
    with store.writing() as tx:
        invoice = tx.invoices.get_invoice(command.invoice_id)
        if _is_done(invoice):
            return SettledByHand(row=tx.invoices.get_invoice_row(invoice.id), is_already=True)
        if invoice.status is InvoiceStatus.PENDING and not command.is_forced:
            raise StillPayable(is_provider_asked=command.is_provider_asked)
        facts = tx.sales.get_facts(invoice.id, new_ids(ids.new))
        sale = fulfil(facts, actor, now, by=SettledBy.OPERATOR)
        _save(tx, sale, ids, now)
        tx.trail.append_audit(
            audited(
                actor,
                "invoice.settle_by_hand",
                now,
                target=("invoice", invoice.id),
                reason=why,
                forced=command.is_forced,
                status=invoice.status,
                provider_status=invoice.provider_status_raw,
                provider_asked=command.is_provider_asked,
            )
        )
        return SettledByHand(row=tx.invoices.get_invoice_row(invoice.id))


def _is_done(invoice: Invoice) -> bool:
    return invoice.status is InvoiceStatus.SETTLED and invoice.effect_at is not None


def _save(tx: Transaction, sale: Settlement, ids: Ids, now: Instant) -> None:
    tx.sales.put_settlement(sale)
    for audit in sale.audits:
        tx.trail.append_audit(audit)
    for event in sale.events:
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
