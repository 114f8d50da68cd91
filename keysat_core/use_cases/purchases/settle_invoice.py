"""Ask the provider for the truth about one invoice and do what it asks for.

The one settle routine: webhooks, the reconciler, the sandbox and operators all end here
(ARCHITECTURE, rule 3; payments 9.3).
"""

from typing import Final

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.events import invoice_ended, outbox_event
from keysat_core.domain.ids import EventId, InvoiceId, LicenseId, TipId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invalidate, Invoice, InvoiceStatus, advance
from keysat_core.domain.merchant import ProviderAccount, asked_through
from keysat_core.domain.payment import ProviderInvoice, ProviderReport, ProviderStatus
from keysat_core.domain.provider_health import (
    ProviderHealth,
    after_answer,
    after_failure,
    is_worth_noting,
)
from keysat_core.domain.sale import (
    SaleFacts,
    Settlement,
    apply_report,
    fulfil,
    recorded_at_provider,
)
from keysat_core.domain.setting import ACCEPT_LATE_PAYMENTS, is_on
from keysat_core.errors import ProviderNotLoaded, ProviderRefused, UpstreamError
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.payments import PaymentProvider, PaymentProviders
from keysat_core.ports.store import Store, Transaction

ORPHAN_SECONDS: Final = 600
"""How long an invoice may lack its provider's id before it counts as never created there."""

_FORBIDDEN: Final = 403


class SettledInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice now. ``is_changed``: this call changed its status or applied its effect."""

    invoice: Invoice
    is_changed: bool


def settle_invoice(
    actor: Actor,
    invoice_id: InvoiceId,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    providers: PaymentProviders,
) -> SettledInvoice:
    """Bring an invoice to the state its provider reports, with its effect, exactly once.

    Any number of calls, at once or repeated, end as one would. The provider is asked outside any
    transaction; everything that follows from its answer is one transaction.

    Raises:
        NotFound: no such invoice.
        ProviderRefused, ProviderUnavailable, ProviderNotLoaded: the provider gave no answer or may
            not be asked; the check is stamped.
    """
    with store.reading() as tx:
        invoice = tx.invoices.get_invoice(invoice_id)
        askable = _askable(tx, invoice)
    lacks_effect = invoice.status is InvoiceStatus.SETTLED and invoice.effect_at is None
    if lacks_effect or invoice.is_free or (askable is None and not _is_elsewhere(invoice)):
        return _finish_own(actor, invoice_id, store=store, clock=clock, ids=ids)
    answer = _ask(askable or [], invoice, providers)
    if isinstance(answer, _NoAnswer):
        _stamp(invoice_id, answer, store=store, clock=clock)
        raise answer.failure
    if answer is None:
        return _drop_orphan(actor, invoice_id, store=store, clock=clock, ids=ids)
    return _report(actor, invoice_id, answer, store=store, clock=clock, ids=ids)


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned. ``account`` None: there was nobody to ask.

    ``seen``: what the invoice was before anybody was asked.
    """

    report: ProviderReport
    seen: InvoiceStatus
    account: ProviderAccount | None = None
    known: ProviderInvoice | None = None


class _NoAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who failed, and how."""

    account: ProviderAccount
    failure: UpstreamError | ProviderNotLoaded


PROVIDER_DISCONNECTED: Final = "provider_disconnected"
"""``provider_status_raw`` of an invoice whose provider was disconnected before it ended."""

_NOBODY_TO_ASK: Final = ProviderReport(
    status=ProviderStatus.PENDING, raw_status=PROVIDER_DISCONNECTED
)


def _is_elsewhere(invoice: Invoice) -> bool:
    """It was created at a provider, as far as we know."""
    return invoice.provider_account_id is not None or invoice.provider_invoice_id is not None


def _askable(tx: Transaction, invoice: Invoice) -> list[ProviderAccount] | None:
    """The accounts that may know an invoice, likeliest first; None when none ever did.

    Its own account; when that is disconnected, one that is connected to the same store. An invoice
    from an old database may name no account: then any may know it (payments 10).
    """
    if not _is_elsewhere(invoice):
        return None
    if invoice.provider_account_id is None:
        default = tx.merchants.find_default_profile()
        connected = tx.merchants.list_all_accounts(is_disconnected_included=False)
        first = default.id if default else None
        return sorted(connected, key=lambda account: account.merchant_profile_id != first)
    account = tx.merchants.find_account(invoice.provider_account_id)
    if account is None:
        return None
    if account.is_connected:
        return [account]
    connected = tx.merchants.list_all_accounts(is_disconnected_included=False)
    return [other for other in connected if asked_through(account, other)]


def _ask(
    askable: list[ProviderAccount], invoice: Invoice, providers: PaymentProviders
) -> _Answer | _NoAnswer | None:
    """Ask one account after the other until one knows the invoice; None: it was never created.

    That one gives no answer, refuses or does not know it says nothing of the others.
    """
    unanswered: list[_NoAnswer] = []
    for account in askable:
        try:
            answer = _ask_one(account, invoice, providers)
        except (UpstreamError, ProviderNotLoaded) as exc:
            failure = _not_theirs(exc) if invoice.provider_account_id is None else exc
            unanswered.append(_NoAnswer(account=account, failure=failure))
        else:
            if answer is not None:
                return answer
    unsure = [one for one in unanswered if not _is_not_found(one.failure)]
    if not unsure and _is_out_of_reach(invoice, askable):
        return _Answer(report=_NOBODY_TO_ASK, seen=invoice.status)
    return (unsure or unanswered)[0] if unanswered else None


def _is_out_of_reach(invoice: Invoice, askable: list[ProviderAccount]) -> bool:
    """Nobody can say that an invoice does not exist.

    Its account was disconnected and nothing tells whether those at its address now are the same one.
    """
    own_id = invoice.provider_account_id
    are_others = all(account.id != own_id and account.store_id is None for account in askable)
    return not askable or (own_id is not None and are_others)


def _is_not_found(failure: UpstreamError | ProviderNotLoaded) -> bool:
    return isinstance(failure, ProviderRefused) and failure.problem == "not_found"


def _not_theirs(failure: UpstreamError | ProviderNotLoaded) -> UpstreamError | ProviderNotLoaded:
    """Read the refusal of an invoice that is perhaps another's: BTCPay 2.4 forbids what 2.3 misses.

    Source: payments 6.12.
    """
    if isinstance(failure, ProviderRefused) and failure.http_status == _FORBIDDEN:
        return ProviderRefused(failure.operation, "not_found", http_status=_FORBIDDEN)
    return failure


def _ask_one(
    account: ProviderAccount, invoice: Invoice, providers: PaymentProviders
) -> _Answer | None:
    provider = providers.provider_for(account)
    known = _known_at(provider, invoice)
    if known is None:
        return None
    report = provider.invoice_status(known.provider_invoice_id)
    return _Answer(report=report, seen=invoice.status, account=account, known=known)


def _report(
    actor: Actor,
    invoice_id: InvoiceId,
    answer: _Answer,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> SettledInvoice:
    """Do what an answer asks for, in one transaction."""
    now = clock.now()
    with store.writing() as tx:
        facts = _facts(tx, invoice_id, ids)
        before = facts.invoice
        if before.status is InvoiceStatus.SETTLED and _is_void(answer):
            return SettledInvoice(invoice=before, is_changed=False)
        if answer.account is not None and answer.known is not None:
            recorded = _recorded(before, answer.known, answer.account)
            kind = facts.provider_kind if before.provider_account_id else answer.account.kind
            facts = msgspec.structs.replace(facts, invoice=recorded, provider_kind=kind)
            _note_answer(tx, answer.account, now)
            if before.provider_invoice_id is None:
                audit, event = recorded_at_provider(recorded, actor, now)
                tx.trail.append_audit(audit)
                tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
        accepts_late = is_on(tx.settings.find_setting(ACCEPT_LATE_PAYMENTS))
        settlement = apply_report(
            facts,
            answer.report,
            actor,
            now,
            accepts_late=accepts_late,
            is_answered=answer.account is not None,
        )
        return _save(tx, before, settlement, ids, now)


def _is_void(answer: _Answer) -> bool:
    """Tell whether an answer says nothing of an invoice that is settled.

    It does not when there was nobody to ask, nor when it may be from before the invoice was settled,
    by somebody who looked at it at the same time. Money that was given back had been there.
    """
    is_older = answer.seen is not InvoiceStatus.SETTLED
    is_denial = answer.report.status not in {ProviderStatus.SETTLED, ProviderStatus.REFUNDED}
    return answer.account is None or (is_older and is_denial)


def _note_answer(tx: Transaction, account: ProviderAccount, now: Instant) -> None:
    before = tx.connections.find_health(account.id)
    after = after_answer(before or ProviderHealth(account_id=account.id), now)
    if is_worth_noting(before, after):
        tx.connections.put_health(after)


def _known_at(provider: PaymentProvider, invoice: Invoice) -> ProviderInvoice | None:
    """The provider's invoice as recorded, else as it can be found by our id; None if never made."""
    if invoice.provider_invoice_id is None:
        return provider.find_by_external_id(invoice.id)
    return ProviderInvoice(
        provider_invoice_id=invoice.provider_invoice_id, checkout_url=invoice.checkout_url
    )


def _recorded(invoice: Invoice, known: ProviderInvoice, account: ProviderAccount) -> Invoice:
    """The invoice with the provider's id; what is recorded already is never replaced."""
    if invoice.provider_account_id is None:
        invoice = msgspec.structs.replace(invoice, provider_account_id=account.id)
    if invoice.provider_invoice_id is not None:
        return invoice
    return msgspec.structs.replace(
        invoice,
        provider_invoice_id=known.provider_invoice_id,
        checkout_url=known.checkout_url,
    )


def _finish_own(
    actor: Actor, invoice_id: InvoiceId, *, store: Store, clock: Clock, ids: Ids
) -> SettledInvoice:
    """An invoice with nothing to ask a provider about: only a settled one can lack its effect."""
    now = clock.now()
    with store.writing() as tx:
        facts = _facts(tx, invoice_id, ids)
        if facts.invoice.status is not InvoiceStatus.SETTLED:
            checked = msgspec.structs.replace(facts.invoice, last_checked_at=now)
            tx.invoices.put_invoice(checked)
            return SettledInvoice(invoice=checked, is_changed=False)
        return _save(tx, facts.invoice, fulfil(facts, actor, now), ids, now)


def _drop_orphan(
    actor: Actor, invoice_id: InvoiceId, *, store: Store, clock: Clock, ids: Ids
) -> SettledInvoice:
    """The provider never created it: after a while it can no longer be paid."""
    now = clock.now()
    with store.writing() as tx:
        invoice = tx.invoices.get_invoice(invoice_id)
        is_lost = invoice.status is InvoiceStatus.PENDING and invoice.provider_invoice_id is None
        if not is_lost or abs(now - invoice.created_at) < ORPHAN_SECONDS:
            checked = msgspec.structs.replace(invoice, last_checked_at=now)
            tx.invoices.put_invoice(checked)
            return SettledInvoice(invoice=checked, is_changed=False)
        ended = msgspec.structs.replace(
            advance(invoice, Invalidate(), now=now), noted_attention=None
        )
        tx.invoices.put_invoice(ended)
        tx.idempotency.remove_for_invoice(invoice_id)
        tx.trail.append_audit(
            audited(actor, "invoice.never_created", now, target=("invoice", invoice_id))
        )
        told = outbox_event(invoice_ended(ended), event_id=EventId(ids.new()), now=now)
        tx.trail.append_event(told)
    return SettledInvoice(invoice=ended, is_changed=True)


def _facts(tx: Transaction, invoice_id: InvoiceId, ids: Ids) -> SaleFacts:
    invoice = tx.invoices.get_invoice(invoice_id)
    account_id = invoice.provider_account_id
    account = tx.merchants.find_account(account_id) if account_id else None
    return SaleFacts(
        invoice=invoice,
        policy=tx.policies.find_policy(invoice.policy_id) if invoice.policy_id else None,
        issued=tx.licenses.find_license_for_invoice(invoice_id),
        new_license_id=LicenseId(ids.new()),
        new_tip_id=TipId(ids.new()),
        provider_kind=account.kind if account else None,
    )


def _save(
    tx: Transaction, before: Invoice, sale: Settlement, ids: Ids, now: Instant
) -> SettledInvoice:
    tx.invoices.put_invoice(sale.invoice)
    if sale.license is not None:
        tx.licenses.put_license(sale.license)
    if sale.tip is not None:
        tx.tips.put_tip(sale.tip)
    if sale.saved_payment is not None and tx.saved_payments.find_saved(sale.invoice.id) is None:
        tx.saved_payments.put_saved(sale.saved_payment)
    for audit in sale.audits:
        tx.trail.append_audit(audit)
    for event in sale.events:
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    is_changed = sale.license is not None or sale.invoice.status is not before.status
    return SettledInvoice(invoice=sale.invoice, is_changed=is_changed)


def _stamp(invoice_id: InvoiceId, no_answer: _NoAnswer, *, store: Store, clock: Clock) -> None:
    """Remember that it was looked at, so that one dead provider does not starve the others."""
    now = clock.now()
    account_id, failure = no_answer.account.id, no_answer.failure
    with store.writing() as tx:
        invoice = tx.invoices.get_invoice(invoice_id)
        tx.invoices.put_invoice(msgspec.structs.replace(invoice, last_checked_at=now))
        if isinstance(failure, UpstreamError):
            before = tx.connections.find_health(account_id)
            after = after_failure(before or ProviderHealth(account_id=account_id), failure, now)
            if after != before:
                tx.connections.put_health(after)
