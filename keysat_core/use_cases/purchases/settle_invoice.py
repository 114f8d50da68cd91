"""Ask the provider for the truth about one invoice and do what it asks for.

The one settle routine: webhooks, the reconciler, the sandbox and operators all end here
(ARCHITECTURE, rule 3; payments 9.3).
"""

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.answer import Answer, Learned, Silence, settlement_after
from keysat_core.domain.asking import (
    has_nothing_to_ask,
    is_not_found,
    is_out_of_reach,
    likeliest_first,
    read_failure,
)
from keysat_core.domain.events import outbox_event
from keysat_core.domain.ids import (
    EventId,
    InvoiceId,
    ProviderAccountId,
)
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.merchant import ProviderAccount, asked_through
from keysat_core.domain.payment import ProviderInvoice
from keysat_core.domain.provider_health import (
    ProviderHealth,
    after_answer,
    after_failure,
    is_worth_noting,
)
from keysat_core.domain.sale_record import Settlement, new_ids
from keysat_core.domain.setting import ACCEPT_LATE_PAYMENTS, is_on
from keysat_core.errors import ProviderNotLoaded, UpstreamError
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.payments import PaymentProvider, PaymentProviders
from keysat_core.ports.store import Store, Transaction


class SettledInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice now.

    ``is_changed``: this call changed its status, applied its effect, or recorded which invoice it is
    at its provider. ``is_newly_settled``: this call settled it or applied its effect.
    """

    invoice: Invoice
    is_changed: bool
    is_newly_settled: bool = False


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
    learned = _ask(askable, invoice, providers)
    if isinstance(learned, _NoAnswer):
        _stamp(invoice_id, learned, store=store, clock=clock)
        raise learned.failure
    now = clock.now()
    with store.writing() as tx:
        facts = tx.sales.get_facts(invoice_id, new_ids(ids.new))
        accepts_late = is_on(tx.settings.find_setting(ACCEPT_LATE_PAYMENTS))
        sale = settlement_after(facts, learned, actor, now, accepts_late=accepts_late)
        if sale is None:
            return SettledInvoice(invoice=facts.invoice, is_changed=False)
        if isinstance(learned, Answer):
            _note_answer(tx, learned.account_id, now)
        _save(tx, sale, ids, now)
        has_new_status = sale.invoice.status is not facts.invoice.status
        if has_new_status and learned is Silence.NEVER_CREATED:
            tx.idempotency.remove_for_invoice(invoice_id)
    is_decided = has_new_status or sale.invoice.effect_at != facts.invoice.effect_at
    is_adopted = sale.invoice.provider_invoice_id != facts.invoice.provider_invoice_id
    return SettledInvoice(
        invoice=sale.invoice,
        is_changed=is_decided or is_adopted,
        is_newly_settled=is_decided and sale.invoice.status is InvoiceStatus.SETTLED,
    )


class _NoAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who failed, and how."""

    account: ProviderAccount
    failure: UpstreamError | ProviderNotLoaded


def _askable(tx: Transaction, invoice: Invoice) -> list[ProviderAccount]:
    """The accounts that may know an invoice, likeliest first.

    Its own account; when that is disconnected, one that is connected to the same store. An invoice
    from an old database may name no account: then any may know it (payments 10).
    """
    if has_nothing_to_ask(invoice):
        return []
    if invoice.provider_account_id is None:
        default = tx.merchants.find_default_profile()
        connected = tx.merchants.list_all_accounts(is_disconnected_included=False)
        return likeliest_first(connected, default.id if default else None)
    account = tx.merchants.find_account(invoice.provider_account_id)
    if account is None:
        return []
    if account.is_connected:
        return [account]
    connected = tx.merchants.list_all_accounts(is_disconnected_included=False)
    return [other for other in connected if asked_through(account, other)]


def _ask(
    askable: list[ProviderAccount], invoice: Invoice, providers: PaymentProviders
) -> Learned | _NoAnswer:
    """Ask one account after the other until one knows the invoice.

    That one gives no answer, refuses or does not know it says nothing of the others.
    """
    if has_nothing_to_ask(invoice):
        return Silence.NOTHING_TO_ASK
    unanswered: list[_NoAnswer] = []
    for account in askable:
        try:
            answer = _ask_one(account, invoice, providers)
        except (UpstreamError, ProviderNotLoaded) as exc:
            unanswered.append(_NoAnswer(account=account, failure=read_failure(invoice, exc)))
        else:
            if answer is not None:
                return answer
    unsure = [one for one in unanswered if not is_not_found(one.failure)]
    if not unsure and is_out_of_reach(invoice, askable):
        return Silence.OUT_OF_REACH
    return (unsure or unanswered)[0] if unanswered else Silence.NEVER_CREATED


def _ask_one(
    account: ProviderAccount, invoice: Invoice, providers: PaymentProviders
) -> Answer | None:
    provider = providers.provider_for(account)
    known = _known_at(provider, invoice)
    if known is None:
        return None
    return Answer(
        account_id=account.id,
        kind=account.kind,
        known=known,
        report=provider.invoice_status(known.provider_invoice_id),
        seen=invoice.status,
    )


def _known_at(provider: PaymentProvider, invoice: Invoice) -> ProviderInvoice | None:
    """The provider's invoice as recorded, else as it can be found by our id; None if never made."""
    if invoice.provider_invoice_id is None:
        return provider.find_by_external_id(invoice.id)
    return ProviderInvoice(
        provider_invoice_id=invoice.provider_invoice_id, checkout_url=invoice.checkout_url
    )


def _note_answer(tx: Transaction, account_id: ProviderAccountId, now: Instant) -> None:
    before = tx.connections.find_health(account_id)
    after = after_answer(before or ProviderHealth(account_id=account_id), now)
    if is_worth_noting(before, after):
        tx.connections.put_health(after)


def _save(tx: Transaction, sale: Settlement, ids: Ids, now: Instant) -> None:
    tx.sales.put_settlement(sale)
    for audit in sale.audits:
        tx.trail.append_audit(audit)
    for event in sale.events:
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))


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
