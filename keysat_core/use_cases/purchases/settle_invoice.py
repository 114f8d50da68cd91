"""Ask the provider for the truth about one invoice and do what it asks for.

The one settle routine: webhooks, the reconciler, the sandbox and operators all end here
(ARCHITECTURE, rule 3; payments 9.3).
"""

from typing import Final

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.events import outbox_event
from keysat_core.domain.ids import EventId, InvoiceId, LicenseId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invalidate, Invoice, InvoiceStatus, advance
from keysat_core.domain.payment import ProviderInvoice
from keysat_core.domain.sale import SaleFacts, Settlement, apply_report, fulfil
from keysat_core.errors import ProviderNotLoaded, UpstreamError
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.payments import PaymentProvider, PaymentProviders
from keysat_core.ports.store import Store, Transaction

ORPHAN_SECONDS: Final = 600
"""How long an invoice may lack its provider's id before it counts as never created there."""


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
        account_id = invoice.provider_account_id
        account = tx.merchants.find_account(account_id) if account_id else None
    lacks_effect = invoice.status is InvoiceStatus.SETTLED and invoice.effect_at is None
    if account is None or lacks_effect:
        return _finish_own(actor, invoice_id, store=store, clock=clock, ids=ids)
    try:
        provider = providers.provider_for(account)
        known = _known_at(provider, invoice)
        report = provider.invoice_status(known.provider_invoice_id) if known else None
    except (UpstreamError, ProviderNotLoaded):
        _stamp(invoice_id, store=store, clock=clock)
        raise
    if known is None or report is None:
        return _drop_orphan(actor, invoice_id, store=store, clock=clock)
    now = clock.now()
    with store.writing() as tx:
        facts = _facts(tx, invoice_id, ids)
        before = facts.invoice
        facts = msgspec.structs.replace(facts, invoice=_recorded(before, known))
        return _save(tx, before, apply_report(facts, report, actor, now), ids, now)


def _known_at(provider: PaymentProvider, invoice: Invoice) -> ProviderInvoice | None:
    """The provider's invoice as recorded, else as it can be found by our id; None if never made."""
    if invoice.provider_invoice_id is None:
        return provider.find_by_external_id(invoice.id)
    return ProviderInvoice(
        provider_invoice_id=invoice.provider_invoice_id, checkout_url=invoice.checkout_url
    )


def _recorded(invoice: Invoice, known: ProviderInvoice) -> Invoice:
    """The invoice with the provider's id; an id recorded meanwhile is never replaced."""
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
    actor: Actor, invoice_id: InvoiceId, *, store: Store, clock: Clock
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
        ended = advance(invoice, Invalidate(), now=now)
        tx.invoices.put_invoice(ended)
        tx.idempotency.remove_for_invoice(invoice_id)
        tx.trail.append_audit(
            audited(actor, "invoice.never_created", now, target=("invoice", invoice_id))
        )
    return SettledInvoice(invoice=ended, is_changed=True)


def _facts(tx: Transaction, invoice_id: InvoiceId, ids: Ids) -> SaleFacts:
    invoice = tx.invoices.get_invoice(invoice_id)
    return SaleFacts(
        invoice=invoice,
        policy=tx.policies.find_policy(invoice.policy_id) if invoice.policy_id else None,
        issued=tx.licenses.find_license_for_invoice(invoice_id),
        new_license_id=LicenseId(ids.new()),
    )


def _save(
    tx: Transaction, before: Invoice, sale: Settlement, ids: Ids, now: Instant
) -> SettledInvoice:
    tx.invoices.put_invoice(sale.invoice)
    if sale.license is not None:
        tx.licenses.put_license(sale.license)
    for audit in sale.audits:
        tx.trail.append_audit(audit)
    for event in sale.events:
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    is_changed = sale.license is not None or sale.invoice.status is not before.status
    return SettledInvoice(invoice=sale.invoice, is_changed=is_changed)


def _stamp(invoice_id: InvoiceId, *, store: Store, clock: Clock) -> None:
    """Remember that it was looked at, so that one dead provider does not starve the others."""
    now = clock.now()
    with store.writing() as tx:
        invoice = tx.invoices.get_invoice(invoice_id)
        tx.invoices.put_invoice(msgspec.structs.replace(invoice, last_checked_at=now))
