"""Looking at invoices: on a webhook, from noted receipts, and on a round over all that are due.

When to look is here; what an answer does is the one settle routine's (ARCHITECTURE, rule 3).
Source: payments 9.3, 10.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec
import structlog

from keysat_core.domain.actor import SYSTEM, Actor
from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.receipt import ReceiptOutcome, WebhookReceipt
from keysat_core.errors import KeysatError, NotFound, ProviderNotLoaded
from keysat_core.limits import HEARTBEATS_BATCH, PURGE_BATCH, RECEIPTS_BATCH, RECONCILE_BATCH
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.machines.fold_heartbeats import fold_heartbeats
from keysat_core.use_cases.purchases.note_webhook import (
    NoteWebhook,
    finish_receipt,
    list_due_invoices,
    list_noted_receipts,
    note_webhook,
)
from keysat_core.use_cases.purchases.settle_invoice import settle_invoice
from keysat_core.use_cases.server.purge_expired import purge_expired

PROVIDER_FAILURES_MAX: Final = 3
"""After this many failures a provider is left alone for the rest of a pass (payments 10)."""

PASSES_MAX: Final = 20
"""Passes in a row over a backlog, so that one tick ends before the next is long due."""

PURGE_PASSES_MAX: Final = 200
"""Batches one purge may remove; more than a day of the busiest caller's rows."""

FOLD_PASSES_MAX: Final = 1_000
"""Batches of heartbeats one tick may fold: a million machines, more than were ever in use at once."""

DUE_INVOICES_MAX: Final = 20 * RECONCILE_BATCH
"""Invoices looked through per pass, so that one silent provider's do not hide the others'."""

log = structlog.get_logger("keysat.ticks")


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass did. ``skipped``: left for the next pass."""

    changed: int = 0
    unchanged: int = 0
    failed: int = 0
    skipped: int = 0


def take_webhook(ports: Ports, actor: Actor, command: NoteWebhook) -> None:
    """Keep a webhook and look at its invoice at once; if that fails, a tick does it later.

    Raises:
        NotFound, NotAuthentic, ProviderNotLoaded: as ``note_webhook``; nothing was kept.
    """
    receipt = note_webhook(
        command,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        providers=ports.providers,
    )
    if receipt.outcome is ReceiptOutcome.NOTED:
        _settle_receipt(ports, actor, receipt)


def settle_noted_receipts(ports: Ports) -> Pass:
    """Look at the invoices of webhooks that nobody has looked at since."""
    receipts = list_noted_receipts(limit=RECEIPTS_BATCH, store=ports.store)
    tally = Counter(_settle_receipt(ports, SYSTEM, receipt) for receipt in receipts)
    return _report("receipts_settled", tally)


def reconcile_invoices(ports: Ports) -> Pass:
    """Ask the providers about every invoice that is due, a bounded number of each provider.

    It makes webhooks a mere matter of speed: without any, a payment is still found.
    """
    due = list_due_invoices(limit=DUE_INVOICES_MAX, store=ports.store, clock=ports.clock)
    accounts = _accounts_of(ports, due)
    asked: Counter[ProviderAccountId | None] = Counter()
    failures: Counter[ProviderAccountId | None] = Counter()
    tally: Counter[str] = Counter()
    for invoice_id in due:
        account_id = accounts[invoice_id]
        if asked[account_id] >= RECONCILE_BATCH or failures[account_id] >= PROVIDER_FAILURES_MAX:
            tally["skipped"] += 1
            continue
        outcome = _settle(ports, SYSTEM, invoice_id)
        asked[account_id] += 1
        failures[account_id] += outcome == "failed"
        tally[outcome] += 1
    return _report("invoices_reconciled", tally)


def reconcile_backlog(ports: Ports) -> Pass:
    """Reconcile pass after pass while invoices are left over and providers answer."""
    done = reconcile_invoices(ports)
    for _ in range(PASSES_MAX):
        has_asked = done.changed or done.unchanged
        if not done.skipped or done.failed or not has_asked:
            break
        done = reconcile_invoices(ports)
    return done


def fold_backlog(ports: Ports) -> int:
    """Fold heartbeats batch after batch until none is left, and give their number."""
    total = 0
    for _ in range(FOLD_PASSES_MAX):
        folded = fold_heartbeats(store=ports.store, heartbeats=ports.heartbeats)
        total += folded
        if folded < HEARTBEATS_BATCH:
            break
    return total


def purge(ports: Ports) -> int:
    """Remove what is kept only for a while, batch after batch, and give the number of rows."""
    total = 0
    for _ in range(PURGE_PASSES_MAX):
        purged = purge_expired(store=ports.store, clock=ports.clock)
        total += purged.receipts + purged.idempotency_records + purged.buckets
        if max(purged.receipts, purged.idempotency_records, purged.buckets) < PURGE_BATCH:
            break
    if total:
        log.info("purged", rows=total)
    return total


def _settle_receipt(ports: Ports, actor: Actor, receipt: WebhookReceipt) -> str:
    outcome = "unchanged"
    if receipt.invoice_id is not None:
        outcome = _settle(ports, actor, receipt.invoice_id)
    if outcome in {"changed", "unchanged"}:
        finish_receipt(receipt, store=ports.store)
    return outcome


def _settle(ports: Ports, actor: Actor, invoice_id: InvoiceId) -> str:
    """Say how it went; one invoice that fails must not keep the others waiting."""
    try:
        settled = settle_invoice(
            actor,
            invoice_id,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            providers=ports.providers,
        )
    except NotFound:
        # Deleted since it was listed.
        return "skipped"
    except ProviderNotLoaded:
        # Its operator was told at start; once a minute for each invoice would be noise.
        return "skipped"
    except KeysatError as exc:
        # Our invoice id is the buyer's secret, so the log does not have it (public-api 0).
        log.warning("invoice_not_settled", code=exc.code, problem=str(exc))
        return "failed"
    return "changed" if settled.is_changed else "unchanged"


def _accounts_of(
    ports: Ports, invoice_ids: list[InvoiceId]
) -> Mapping[InvoiceId, ProviderAccountId | None]:
    with ports.store.reading() as tx:
        found = {id_: tx.invoices.find_invoice(id_) for id_ in invoice_ids}
    return {id_: row.provider_account_id if row else None for id_, row in found.items()}


def _report(event: str, tally: Counter[str]) -> Pass:
    done = Pass(
        changed=tally["changed"],
        unchanged=tally["unchanged"],
        failed=tally["failed"],
        skipped=tally["skipped"],
    )
    if tally:
        log.info(event, **msgspec.to_builtins(done))
    return done
