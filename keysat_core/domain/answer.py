"""What was learned by asking for an invoice, and what that makes of its sale.

Source: payments 9.3. Whom to ask is ``domain.asking``'s.
"""

from enum import StrEnum
from typing import Final, TypeAlias, assert_never

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.ending import end
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invalidate, Invoice, InvoiceStatus, advance
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.payment import ProviderInvoice, ProviderReport, ProviderStatus
from keysat_core.domain.sale import apply_report, fulfil, recorded_at_provider
from keysat_core.domain.sale_record import SaleFacts, Settlement

ORPHAN_SECONDS: Final = 600
"""How long an invoice may lack its provider's id before it counts as never created there."""

PROVIDER_DISCONNECTED: Final = "provider_disconnected"
"""``provider_status_raw`` of an invoice whose provider was disconnected before it ended."""

_NOBODY_TO_ASK: Final = ProviderReport(
    status=ProviderStatus.PENDING, raw_status=PROVIDER_DISCONNECTED
)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an account said. ``seen``: what the invoice was before anybody was asked."""

    account_id: ProviderAccountId
    kind: ProviderKind
    known: ProviderInvoice
    report: ProviderReport
    seen: InvoiceStatus


class Silence(StrEnum):
    """Why there is no answer, when nobody failed to give one."""

    NOTHING_TO_ASK = "nothing_to_ask"
    OUT_OF_REACH = "out_of_reach"
    NEVER_CREATED = "never_created"


Learned: TypeAlias = Answer | Silence


def settlement_after(
    facts: SaleFacts, learned: Learned, actor: Actor, now: Instant, *, accepts_late: bool
) -> Settlement | None:
    """Do what was learned asks for; None when it says nothing of an invoice that is settled.

    ``accepts_late``: as for ``apply_report``.
    """
    is_settled = facts.invoice.status is InvoiceStatus.SETTLED
    match learned:
        case Answer():
            if is_settled and _is_outrun(learned):
                return None
            return _after_answer(facts, learned, actor, now, accepts_late=accepts_late)
        case Silence.OUT_OF_REACH:
            if is_settled:
                return None
            return apply_report(
                facts, _NOBODY_TO_ASK, actor, now, accepts_late=accepts_late, is_answered=False
            )
        case Silence.NOTHING_TO_ASK:
            # Only a settled one can lack its effect.
            return fulfil(facts, actor, now) if is_settled else _looked_at(facts.invoice, now)
        case Silence.NEVER_CREATED:
            return _never_created(facts, actor, now)
        case _:
            assert_never(learned)


def _is_outrun(answer: Answer) -> bool:
    """It may be from before the invoice was settled, by somebody who looked at the same time.

    Money that was given back had been there.
    """
    is_older = answer.seen is not InvoiceStatus.SETTLED
    return is_older and answer.report.status not in {
        ProviderStatus.SETTLED,
        ProviderStatus.REFUNDED,
    }


def _after_answer(
    facts: SaleFacts, answer: Answer, actor: Actor, now: Instant, *, accepts_late: bool
) -> Settlement:
    before = facts.invoice
    recorded = _recorded(before, answer)
    kind = facts.provider_kind if before.provider_account_id else answer.kind
    facts = msgspec.structs.replace(facts, invoice=recorded, provider_kind=kind)
    sale = apply_report(facts, answer.report, actor, now, accepts_late=accepts_late)
    if before.provider_invoice_id is not None:
        return sale
    audit, event = recorded_at_provider(recorded, actor, now)
    return msgspec.structs.replace(sale, audits=(audit, *sale.audits), events=(event, *sale.events))


def _recorded(invoice: Invoice, answer: Answer) -> Invoice:
    """The invoice with the provider's id; what is recorded already is never replaced."""
    if invoice.provider_account_id is None:
        invoice = msgspec.structs.replace(invoice, provider_account_id=answer.account_id)
    if invoice.provider_invoice_id is not None:
        return invoice
    return msgspec.structs.replace(
        invoice,
        provider_invoice_id=answer.known.provider_invoice_id,
        checkout_url=answer.known.checkout_url,
    )


def _never_created(facts: SaleFacts, actor: Actor, now: Instant) -> Settlement:
    """The provider has no such invoice: after a while it can no longer be paid."""
    invoice = facts.invoice
    is_lost = invoice.status is InvoiceStatus.PENDING and invoice.provider_invoice_id is None
    if not is_lost or abs(now - invoice.created_at) < ORPHAN_SECONDS:
        return _looked_at(invoice, now)
    ended = msgspec.structs.replace(advance(invoice, Invalidate(), now=now), noted_attention=None)
    audit = audited(actor, "invoice.never_created", now, target=("invoice", invoice.id))
    return end(facts, ended, audit, actor, now)


def _looked_at(invoice: Invoice, now: Instant) -> Settlement:
    return Settlement(invoice=msgspec.structs.replace(invoice, last_checked_at=now))
