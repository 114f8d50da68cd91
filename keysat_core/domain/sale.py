"""What a sale does when it is settled: one pure function for every path to it.

Source: lifecycles 7.4-7.5, payments 9.3. Webhook, reconciler, free tier and trial all end here.
"""

import msgspec

from keysat_core.domain.actor import SYSTEM, Actor
from keysat_core.domain.attention import attention_after
from keysat_core.domain.audit import AuditEntry, audited
from keysat_core.domain.document import JSONValue
from keysat_core.domain.events import (
    SOURCE_PURCHASE,
    DomainEvent,
    InvoiceRefunded,
    ProviderInvoiceRecorded,
    invoice_ended,
    invoice_paid,
    license_issued,
)
from keysat_core.domain.ids import LicenseId, TipId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import (
    Expire,
    Invoice,
    InvoiceStatus,
    Settle,
    SettledBy,
    advance,
    event_of,
    is_partial_payment,
    is_reversal,
    is_withdrawn,
    mismatched_amount,
)
from keysat_core.domain.license import License, with_terms
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.money import Currency
from keysat_core.domain.payment import ProviderReport, ProviderStatus
from keysat_core.domain.policy import Policy, terms_of_sale
from keysat_core.domain.saved_payment import SavedPayment, wanted_of_sale
from keysat_core.domain.second_look import doubted
from keysat_core.domain.tip import TipAttempt, TipStatus
from keysat_core.domain.tip_record import tip_changed, tip_entry
from keysat_core.domain.tip_terms import tip_of_sale
from keysat_core.limits import RECONCILE_DAYS


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one transaction has to write. ``license`` None: none is issued by this step.

    ``tip`` is reserved with the license, and paid later by a worker of its own; so is
    ``saved_payment`` looked for later. One that is stored already stays as it is.
    """

    invoice: Invoice
    license: License | None = None
    tip: TipAttempt | None = None
    saved_payment: SavedPayment | None = None
    events: tuple[DomainEvent, ...] = ()
    audits: tuple[AuditEntry, ...] = ()


class SaleFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a sale inside the transaction that may settle it.

    ``provider_kind``: of the account that collected it, if one did.
    """

    invoice: Invoice
    policy: Policy | None
    issued: License | None
    new_license_id: LicenseId
    new_tip_id: TipId
    provider_kind: ProviderKind | None = None


def recorded_at_provider(
    invoice: Invoice, actor: Actor, now: Instant
) -> tuple[AuditEntry, DomainEvent]:
    """Tell that the provider's invoice is known now, whoever found it."""
    id_ = invoice.provider_invoice_id or ""
    action = "invoice.record_provider_invoice"
    return (
        _about(invoice, actor, action, now, provider_invoice_id=id_),
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
        events.append(invoice_paid(settled))
        audits.append(
            _about(settled, actor, "invoice.settle", now, amount_sats=settled.amount_sats)
        )
    license = tip = saved = None
    if facts.issued is None and settled.effect_at is None:
        license = _license_for(settled, facts, now)
        tip = tip_of_sale(facts.new_tip_id, license, settled, facts.policy, now)
        saved = wanted_of_sale(settled, facts.policy, facts.provider_kind, now)
        events.append(license_issued(license, SOURCE_PURCHASE))
        audits.append(
            audited(
                actor,
                "license.issue",
                now,
                target=("license", license.id),
                product_id=license.product_id,
                policy_id=license.policy_id,
                invoice_id=settled.id,
            )
        )
        if tip is not None and tip.status is not TipStatus.PENDING:
            # One that waits to be paid is told when something becomes of it.
            events.append(tip_changed(tip))
            audits.append(tip_entry(tip, now))
    if settled.effect_at is None:
        settled = msgspec.structs.replace(settled, effect_at=now, updated_at=now)
    return Settlement(
        invoice=settled,
        license=license,
        tip=tip,
        saved_payment=saved,
        events=tuple(events),
        audits=tuple(audits),
    )


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
    notes = _notes(before, report, actor, now)
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
        return msgspec.structs.replace(
            settlement, invoice=settled, audits=(*notes.audits, *settlement.audits)
        )
    if event is None or before.status is not InvoiceStatus.PENDING:
        kept = _noted(checked, before, report, is_answered=is_answered)
        return Settlement(invoice=kept, events=notes.events, audits=notes.audits)
    ended = _noted(advance(checked, event, now=now), before, report, is_answered=is_answered)
    told = (*notes.events, invoice_ended(ended))
    audit = _about(ended, actor, f"invoice.{ended.status}", now, provider_status=report.raw_status)
    return Settlement(invoice=ended, events=told, audits=(*notes.audits, audit))


def _noted(
    after: Invoice, before: Invoice, report: ProviderReport, *, is_answered: bool
) -> Invoice:
    attention = attention_after(before, after.status, report, is_answered=is_answered)
    return msgspec.structs.replace(after, noted_attention=attention)


class _Notes(msgspec.Struct, frozen=True, kw_only=True):
    events: tuple[DomainEvent, ...] = ()
    audits: tuple[AuditEntry, ...] = ()


def _notes(invoice: Invoice, report: ProviderReport, actor: Actor, now: Instant) -> _Notes:
    """What an operator should know of a report, told once: when the raw status is new."""
    if report.raw_status and report.raw_status == invoice.provider_status_raw:
        return _Notes()
    audits: list[AuditEntry] = []
    events: list[DomainEvent] = []
    theirs = mismatched_amount(invoice, report)
    is_settled = invoice.status is InvoiceStatus.SETTLED
    is_settling = report.status is ProviderStatus.SETTLED and not is_settled
    if theirs is not None and is_settling:
        audits.append(
            _about(
                invoice,
                SYSTEM,
                "invoice.amount_mismatch",
                now,
                provider_invoice_id=invoice.provider_invoice_id,
                expected_amount_sats=invoice.amount_sats,
                provider_amount_sats=theirs,
            )
        )
    if report.is_overpaid and is_settling:
        audits.append(_about(invoice, actor, "invoice.overpaid", now, paid_sats=_paid_sats(report)))
    if report.is_paid_late:
        audits.append(_about(invoice, actor, "invoice.paid_late", now))
    if is_partial_payment(report):
        audits.append(
            _about(
                invoice,
                actor,
                "invoice.partial_payment",
                now,
                paid_sats=_paid_sats(report),
            )
        )
    if is_reversal(invoice, report):
        audits.append(
            _about(
                invoice,
                actor,
                "invoice.provider_reversed",
                now,
                provider_status=report.raw_status,
            )
        )
    if is_withdrawn(invoice, report):
        events.append(
            InvoiceRefunded(
                invoice_id=invoice.id,
                product_id=invoice.product_id,
                policy_id=invoice.policy_id,
                amount_sats=invoice.amount_sats,
            )
        )
    return _Notes(events=tuple(events), audits=tuple(audits))


def _paid_sats(report: ProviderReport) -> int | None:
    """Give what came, where the provider says it in sats."""
    is_sats = report.paid is not None and report.paid.currency is Currency.SAT
    return report.paid.amount if report.paid is not None and is_sats else None


def _license_for(invoice: Invoice, facts: SaleFacts, now: Instant) -> License:
    bare = License(
        id=facts.new_license_id,
        product_id=invoice.product_id,
        policy_id=invoice.policy_id,
        invoice_id=invoice.id,
        issued_at=now,
        buyer_email=invoice.buyer_email,
        metadata={"source": "purchase", "btcpay_invoice_id": invoice.provider_invoice_id},
    )
    return with_terms(bare, terms_of_sale(facts.policy), now)


def _is_abandoned(invoice: Invoice, now: Instant) -> bool:
    """Still pending after the time we look at unpaid invoices (payments 10)."""
    age = now - invoice.created_at
    return invoice.status is InvoiceStatus.PENDING and age >= RECONCILE_DAYS * DAY_SECONDS


def _given_up(report: ProviderReport) -> ProviderReport:
    """Read a report that decides nothing as the end of waiting, so that money in part is told."""
    if report.status is not ProviderStatus.PENDING:
        return report
    return msgspec.structs.replace(report, status=ProviderStatus.EXPIRED)


def _about(
    invoice: Invoice, actor: Actor, action: str, now: Instant, **details: JSONValue
) -> AuditEntry:
    return audited(actor, action, now, target=("invoice", invoice.id), **details)
