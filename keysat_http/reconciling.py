"""The reconciler: rounds over all invoices that are due, each provider by itself.

It makes webhooks a mere matter of speed: without any, a payment is still found. Source: payments 10.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeAlias

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.provider_health import FAILURES_IN_A_ROW, ProviderHealth
from keysat_core.limits import RECONCILE_BATCH
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.note_webhook import list_due_invoices
from keysat_http.settling import Outcome, Pass, pass_of, settle

PASSES_MAX: Final = 20
"""Passes in a row over a backlog, so that one tick ends before the next is long due."""

DUE_INVOICES_MAX: Final = 20 * RECONCILE_BATCH
"""Invoices looked through per pass, so that one silent provider's do not hide the others'."""

ASKED_AT_ONCE: Final = 4
"""Calls in parallel to one provider (payments 10)."""

PROVIDERS_AT_ONCE: Final = 16
"""Providers asked beside each other, so that none that hangs delays the others."""

Jobs: TypeAlias = Sequence[Callable[[], Counter[Outcome]]]
FanOut: TypeAlias = Callable[[Jobs, int], list[Counter[Outcome]]]


def in_threads(jobs: Jobs, at_once: int) -> list[Counter[Outcome]]:
    """Run jobs beside each other, so many at once."""
    if len(jobs) == 1:
        return [jobs[0]()]
    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="reconcile") as pool:
        return [done.result() for done in [pool.submit(job) for job in jobs]]


def one_by_one(jobs: Jobs, at_once: int) -> list[Counter[Outcome]]:  # noqa: ARG001  same shape
    """Run jobs one after the other, for who must be able to repeat a run to the letter."""
    return [job() for job in jobs]


def reconcile_invoices(
    ports: Ports,
    *,
    fan_out: FanOut = in_threads,
    is_pause_kept: bool = True,
    asked: set[InvoiceId] | None = None,
) -> Pass:
    """Ask the providers about every invoice that is due, a bounded number of each provider.

    A provider that failed lately is left alone until its pause is over, unless somebody asks now.
    Invoices in ``asked`` are passed over, and those that are asked about now are added.
    """
    asked = set() if asked is None else asked
    due = list_due_invoices(limit=DUE_INVOICES_MAX, store=ports.store, clock=ports.clock)
    batches = _by_account(ports, [invoice_id for invoice_id in due if invoice_id not in asked])
    health = _health(ports)
    now = ports.clock.now()
    tally: Counter[Outcome] = Counter()
    jobs: list[Callable[[], Counter[Outcome]]] = []
    for account_id, invoice_ids in batches.items():
        known = health.get(account_id)
        if is_pause_kept and known is not None and known.is_left_alone(now):
            tally["resting"] += len(invoice_ids)
            continue
        tally["skipped"] += max(0, len(invoice_ids) - RECONCILE_BATCH)
        # After a pause one failure is enough for the next, longer one.
        failures = known.failures if known else 0
        failures_max = max(1, FAILURES_IN_A_ROW - failures)
        batch = invoice_ids[:RECONCILE_BATCH]
        asked.update(batch)
        jobs.append(_Batch(ports, batch, failures_max, fan_out))
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
    """Reconcile pass after pass while invoices are left over and providers answer.

    None is asked about twice: a young invoice is due again at once, but not in the same tick. Gives
    the last pass; ``after_pass`` is told of each.
    """
    asked: set[InvoiceId] = set()
    again = partial(
        reconcile_invoices, ports, fan_out=fan_out, is_pause_kept=is_pause_kept, asked=asked
    )
    done = again()
    after_pass(done)
    for _ in range(PASSES_MAX):
        has_asked = done.changed or done.unchanged
        if not done.skipped or done.failed or not has_asked:
            break
        done = again()
        after_pass(done)
    return done


class _Batch:
    """The invoices of one provider: asked about a few at once, until it failed too often."""

    def __init__(
        self,
        ports: Ports,
        invoice_ids: Sequence[InvoiceId],
        failures_max: int,
        fan_out: FanOut,
    ) -> None:
        self._ports = ports
        self._invoice_ids = invoice_ids
        self._failures_max = failures_max
        self._fan_out = fan_out

    def __call__(self) -> Counter[Outcome]:
        tally: Counter[Outcome] = Counter()
        left = list(self._invoice_ids)
        is_answering = False
        while left and tally["failed"] < self._failures_max:
            # One alone finds out whether it answers, so that one that hangs costs three calls.
            size = ASKED_AT_ONCE if is_answering else 1
            group, left = left[:size], left[size:]
            before = tally["failed"]
            for done in self._fan_out([self._job(id_) for id_ in group], ASKED_AT_ONCE):
                tally.update(done)
            is_answering = tally["failed"] == before
        tally["skipped"] += len(left)
        return tally

    def _job(self, invoice_id: InvoiceId) -> Callable[[], Counter[Outcome]]:
        return lambda: Counter([settle(self._ports, SYSTEM, invoice_id).outcome])


def _by_account(
    ports: Ports, invoice_ids: Sequence[InvoiceId]
) -> dict[ProviderAccountId | None, list[InvoiceId]]:
    batches: dict[ProviderAccountId | None, list[InvoiceId]] = {}
    with ports.store.reading() as tx:
        for invoice_id in invoice_ids:
            invoice = tx.invoices.find_invoice(invoice_id)
            account_id = invoice.provider_account_id if invoice else None
            batches.setdefault(account_id, []).append(invoice_id)
    return batches


def _health(ports: Ports) -> dict[ProviderAccountId | None, ProviderHealth]:
    with ports.store.reading() as tx:
        return {one.account_id: one for one in tx.connections.list_health()}
