"""Looking at an invoice because of a webhook: at once, and again until it is cleared up.

When to look is here; what an answer does is the one settle routine's (ARCHITECTURE, rule 3). The
rounds are in ``keysat_http.reconciling`` and ``keysat_http.receipt_rounds``. Source: payments 1.2, 9.
"""

from typing import Final

import msgspec
import structlog

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.receipt import WebhookReceipt
from keysat_core.errors import (
    CorruptRow,
    KeysatError,
    NotFound,
    ProviderNotLoaded,
    ProviderRefused,
    ProviderUnavailable,
    ServerFault,
)
from keysat_core.limits import HEARTBEATS_BATCH, PURGE_BATCH
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.machines.fold_heartbeats import fold_heartbeats
from keysat_core.use_cases.purchases.note_webhook import follow_up_receipt
from keysat_core.use_cases.purchases.settle_invoice import settle_invoice
from keysat_core.use_cases.server.purge_expired import purge_expired
from keysat_http.rounds import Outcome, Tally, shown

PURGE_PASSES_MAX: Final = 200
"""Batches one purge may remove; more than a day of the busiest caller's rows."""

FOLD_PASSES_MAX: Final = 1_000
"""Batches of heartbeats one tick may fold: a million machines, more than were ever in use at once."""

log = structlog.get_logger("keysat.ticks")


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How a look at an invoice went. ``invoice`` is None when there was no answer.

    ``refused``: about this invoice there is none, which says nothing of the next one.
    """

    outcome: Outcome
    invoice: Invoice | None = None


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass did.

    ``skipped``: left for the next pass; ``resting``: their provider is. Of each provider at most
    one more than a pass asks about is counted.
    """

    changed: int = 0
    unchanged: int = 0
    failed: int = 0
    skipped: int = 0
    resting: int = 0


def settle_receipt(ports: Ports, actor: Actor, receipt: WebhookReceipt) -> Outcome:
    """Look at the invoice of a receipt, and note on it what follows."""
    if receipt.invoice_id is None:
        return "skipped"
    look = settle(ports, actor, receipt.invoice_id)
    follow_up_receipt(receipt, look.invoice, store=ports.store, clock=ports.clock)
    return look.outcome


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
        counts = msgspec.structs.astuple(purged)
        total += sum(counts)
        if max(counts) < PURGE_BATCH:
            break
    if total:
        log.info("purged", rows=total)
    return total


def settle(ports: Ports, actor: Actor, invoice_id: InvoiceId) -> Look:
    """Look at one invoice; one that fails must not keep the others waiting."""
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
        return Look(outcome="skipped")
    except ProviderNotLoaded:
        # Its operator was told at start; once a minute for each invoice would be noise.
        return Look(outcome="skipped")
    except KeysatError as exc:
        log.warning(
            "invoice_not_settled", invoice=shown(invoice_id), code=exc.code, problem=str(exc)
        )
        # A row that cannot be read says nothing of the next one.
        is_broken = isinstance(exc, CorruptRow)
        is_failing = isinstance(exc, ProviderUnavailable | ServerFault) and not is_broken
        is_barred = isinstance(exc, ProviderRefused) and exc.problem == "auth"
        return Look(outcome="failed" if is_failing or is_barred else "refused")
    outcome: Outcome = "changed" if settled.is_changed else "unchanged"
    return Look(outcome=outcome, invoice=settled.invoice)


def pass_of(event: str, tally: Tally) -> Pass:
    """Sum up a pass, and log it if it did anything."""
    done = Pass(
        changed=tally["changed"],
        unchanged=tally["unchanged"],
        failed=tally["failed"] + tally["refused"],
        skipped=tally["skipped"],
        resting=tally["resting"],
    )
    if tally:
        log.info(event, **msgspec.to_builtins(done))
    return done
