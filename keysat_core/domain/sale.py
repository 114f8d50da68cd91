"""What a sale does when it is settled: one pure function for every path to it.

Source: lifecycles 7.4-7.5, payments 9.3. Webhook, reconciler, free tier and trial all end here. What
its one effect is, is in ``issuing``, ``renewal`` and ``tier_effect``; what it gives back when it ends
unpaid in ``ending``.
"""

from typing import Final

import msgspec

from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.attention import attention_after
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.ending import end
from keysat_core.domain.events import (
    DomainEvent,
    ProviderInvoiceRecorded,
    invoice_paid,
    invoice_settled,
)
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import (
    Expire,
    Invoice,
    InvoiceStatus,
    Settle,
    SettledBy,
    advance,
    event_of,
)
from keysat_core.domain.invoice_record import about_invoice
from keysat_core.domain.issuing import issue
from keysat_core.domain.payment import ProviderReport, ProviderStatus
from keysat_core.domain.renewal import renew
from keysat_core.domain.sale_notes import notes_of
from keysat_core.domain.sale_record import SaleFacts, Settlement, with_records
from keysat_core.domain.saved_payment import wanted_of_sale
from keysat_core.domain.second_look import doubted
from keysat_core.domain.tier_effect import apply_paid_change
from keysat_core.limits import RECONCILE_DAYS

_BY_ITSELF: Final = frozenset({ActorKind.SYSTEM, ActorKind.PROVIDER})
"""Who does not know what became of a sale that an earlier server left without its license."""


def recorded_at_provider(
    invoice: Invoice, actor: Actor, now: Instant
) -> tuple[AuditEntry, DomainEvent]:
    """Tell that the provider's invoice is known now, whoever found it."""
    id_ = invoice.provider_invoice_id or ""
    action = "invoice.record_provider_invoice"
    return (
        about_invoice(invoice, actor, action, now, provider_invoice_id=id_),
        ProviderInvoiceRecorded(invoice_id=invoice.id, provider_invoice_id=id_),
    )


def fulfil(
    facts: SaleFacts, actor: Actor, now: Instant, *, by: SettledBy | None = SettledBy.PROVIDER
) -> Settlement:
    """Settle an invoice and issue its license, exactly once whatever was done before.

    An effect that was applied stays applied, also when its license has been deleted since. ``by``:
    on whose word; None when nothing was to be paid.
    """
    settled = advance(facts.invoice, Settle(), now=now)
    events: list[DomainEvent] = []
    audits: list[AuditEntry] = []
    if settled is not facts.invoice:
        settled = msgspec.structs.replace(settled, settled_by=by, noted_attention=None)
        events += [invoice_paid(settled), invoice_settled(settled)]
        audits.append(
            about_invoice(settled, actor, "invoice.settle", now, amount_sats=settled.amount_sats)
        )
    sale = _effect(facts, settled, actor, now)
    return with_records(sale, events=tuple(events), audits=tuple(audits))


def _effect(facts: SaleFacts, settled: Invoice, actor: Actor, now: Instant) -> Settlement:
    """Apply the one effect, unless it was: a change of tier, a cycle, else a license (7.4)."""
    if settled.effect_at is not None:
        return Settlement(invoice=settled)
    is_held = settled is facts.invoice and settled.held_at is not None
    if is_held and actor.kind in _BY_ITSELF:
        return Settlement(invoice=settled)
    done = msgspec.structs.replace(settled, effect_at=now, held_at=None, updated_at=now)
    if facts.ordered is not None:
        return apply_paid_change(facts, facts.ordered, done, actor, now)
    if facts.billed is not None:
        renewed = renew(facts.billed, done, actor, now)
        # Whoever pays by hand may let the card be saved then: for a trial it is the first chance (D13).
        saved = wanted_of_sale(settled, facts.billed.policy, facts.provider_kind, now)
        return msgspec.structs.replace(renewed, saved_payment=saved)
    if facts.issued is not None:
        return Settlement(invoice=done)
    return issue(facts, done, actor, now)


def apply_report(
    facts: SaleFacts,
    report: ProviderReport,
    actor: Actor,
    now: Instant,
    *,
    accepts_late: bool = False,
    is_answered: bool = True,
) -> Settlement:
    """Do what a provider's report asks for. Reports that decide nothing only stamp the check.

    ``accepts_late``: the operator takes a payment that came too late, once it is final (decisions
    17). Otherwise it waits for the operator. ``is_answered`` False: there was nobody to ask, and the
    report only says so.
    """
    before = facts.invoice
    kept = doubted(before, report, now)
    if kept is not None:
        return Settlement(invoice=kept)
    checked = msgspec.structs.replace(
        before, last_checked_at=now, provider_status_raw=report.raw_status or None
    )
    facts = msgspec.structs.replace(facts, invoice=checked)
    noted, audits = notes_of(before, report, actor, now)
    event = event_of(report)
    by = SettledBy.PROVIDER
    is_taken_late = accepts_late and report.is_paid_late and report.is_late_final
    if is_taken_late and not isinstance(event, Settle):
        event, by = Settle(), SettledBy.LATE_PAYMENT
    if event is None and _is_abandoned(before, now):
        event = Expire()
        report = _given_up(report)
    if isinstance(event, Settle):
        settlement = fulfil(facts, actor, now, by=by)
        settled = _noted(settlement.invoice, before, report, is_answered=is_answered)
        settlement = msgspec.structs.replace(settlement, invoice=settled)
        return with_records(settlement, audits=audits)
    if event is None or before.status is not InvoiceStatus.PENDING:
        kept = _noted(checked, before, report, is_answered=is_answered)
        return Settlement(invoice=kept, events=noted, audits=audits)
    ended = _noted(advance(checked, event, now=now), before, report, is_answered=is_answered)
    audit = about_invoice(
        ended, actor, f"invoice.{ended.status}", now, provider_status=report.raw_status
    )
    return with_records(end(facts, ended, audit, actor, now), events=noted, audits=audits)


def _noted(
    after: Invoice, before: Invoice, report: ProviderReport, *, is_answered: bool
) -> Invoice:
    attention = attention_after(before, after.status, report, is_answered=is_answered)
    return msgspec.structs.replace(after, noted_attention=attention)


def _is_abandoned(invoice: Invoice, now: Instant) -> bool:
    """Still pending after the time we look at unpaid invoices (payments 10)."""
    age = now - invoice.created_at
    return invoice.status is InvoiceStatus.PENDING and age >= RECONCILE_DAYS * DAY_SECONDS


def _given_up(report: ProviderReport) -> ProviderReport:
    """Read a report that decides nothing as the end of waiting, so that money in part is told."""
    if report.status is not ProviderStatus.PENDING:
        return report
    return msgspec.structs.replace(report, status=ProviderStatus.EXPIRED)
