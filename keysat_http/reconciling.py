"""The reconciler: rounds over all invoices that are due, each provider by itself.

It makes webhooks a mere matter of speed: without any, a payment is still found. Source: payments 10.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.listing import DueInvoice
from keysat_core.domain.provider_health import ProviderHealth
from keysat_core.limits import RECONCILE_BATCH
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.note_webhook import list_due_invoices
from keysat_http.rounds import (
    PROVIDERS_AT_ONCE,
    FanOut,
    Job,
    Tally,
    failures_max,
    in_threads,
    share,
    shown,
)
from keysat_http.settling import Pass, pass_of, settle

PASSES_MAX: Final = 20
"""Passes in a row over a backlog, so that one tick ends whatever the clock says."""

BACKLOG_SECONDS: Final = 60
"""How long one tick takes up more invoices. The rest is the next tick's, which also asks again about
young invoices of accounts that have no backlog: a provider never delays the others (payments 10)."""

DUE_INVOICES_MAX: Final = 20 * RECONCILE_BATCH
"""Invoices looked through per pass, so that one silent provider's do not hide the others'."""


def reconcile_invoices(
    ports: Ports,
    *,
    fan_out: FanOut = in_threads,
    is_pause_kept: bool = True,
    asked: set[InvoiceId] | None = None,
    is_over: Callable[[], bool] | None = None,
) -> Pass:
    """Ask the providers about every invoice that is due, a bounded number of each provider.

    A provider that failed lately is left alone until its pause is over, unless somebody asks now.
    Invoices in ``asked`` are passed over, and those that are asked about now are added. ``is_over``
    says when no more are taken up; by default that is after ``BACKLOG_SECONDS``.
    """
    asked = set() if asked is None else asked
    is_over = is_over or _is_over(ports)
    due = list_due_invoices(limit=DUE_INVOICES_MAX, store=ports.store, clock=ports.clock)
    batches = _by_account([one for one in due if one.id not in asked])
    health = _health(ports)
    now = ports.clock.now()
    tally: Tally = Counter()
    jobs: list[Job] = []
    for account_id, mine in batches.items():
        known = health.get(account_id)
        if is_pause_kept and known is not None and known.is_left_alone(now):
            tally["resting"] += len(mine)
            continue
        tally["skipped"] += max(0, len(mine) - RECONCILE_BATCH)
        batch = mine[:RECONCILE_BATCH]
        asked.update(one.id for one in batch)
        run = partial(
            share,
            [_job(ports, one) for one in batch],
            failures_max=failures_max(known),
            fan_out=fan_out,
            is_over=is_over,
        )
        jobs.append(Job(run=run, ids={"account": shown(account_id)}))
    for done in fan_out(jobs, PROVIDERS_AT_ONCE) if jobs else ():
        tally.update(done)
    return pass_of("invoices_reconciled", +tally)


def reconcile_backlog(
    ports: Ports,
    *,
    fan_out: FanOut = in_threads,
    after_pass: Callable[[Pass], None] = lambda _: None,
    is_pause_kept: bool = True,
) -> Pass:
    """Reconcile pass after pass while invoices are left over, providers answer and there is time.

    None is asked about twice: a young invoice is due again at once, but not in the same tick. Gives
    the last pass; ``after_pass`` is told of each.
    """
    is_over = _is_over(ports)
    again = partial(
        reconcile_invoices,
        ports,
        fan_out=fan_out,
        is_pause_kept=is_pause_kept,
        asked=set(),
        is_over=is_over,
    )
    done = again()
    after_pass(done)
    for _ in range(PASSES_MAX):
        has_asked = done.changed or done.unchanged
        if not done.skipped or done.failed or not has_asked or is_over():
            break
        done = again()
        after_pass(done)
    return done


def _is_over(ports: Ports) -> Callable[[], bool]:
    """Start to count the time of a tick; a clock that jumps, also back, ends it."""
    began_at = ports.clock.now()
    return lambda: abs(ports.clock.now() - began_at) >= BACKLOG_SECONDS


def _job(ports: Ports, due: DueInvoice) -> Job:
    return Job(
        run=lambda: Counter([settle(ports, SYSTEM, due.id).outcome]),
        ids={"account": shown(due.provider_account_id), "invoice": shown(due.id)},
    )


def _by_account(due: Sequence[DueInvoice]) -> dict[ProviderAccountId | None, list[DueInvoice]]:
    batches: dict[ProviderAccountId | None, list[DueInvoice]] = {}
    for one in due:
        batches.setdefault(one.provider_account_id, []).append(one)
    return batches


def _health(ports: Ports) -> dict[ProviderAccountId | None, ProviderHealth]:
    with ports.store.reading() as tx:
        return {one.account_id: one for one in tx.connections.list_health()}
