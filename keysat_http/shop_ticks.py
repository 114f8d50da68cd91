"""The ticks every shop needs: what a server and ``keysat worker`` both run."""

from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.codes.free_slots import list_held_slots
from keysat_core.use_cases.purchases.note_webhook import list_due_invoices
from keysat_core.use_cases.zaprite.capture_payment import list_wanted_payments
from keysat_http.capturing import capture_payments
from keysat_http.delivering import DeliveryRounds
from keysat_http.freeing import free_slots
from keysat_http.leasing import Work
from keysat_http.receipt_rounds import ReceiptRounds
from keysat_http.reconciling import reconcile_backlog
from keysat_http.renewing import has_due_subscriptions, renew_subscriptions
from keysat_http.rounds import FanOut, in_threads
from keysat_http.settling import Pass, fold_backlog, purge
from keysat_http.ticks import Tick
from keysat_http.tipping import has_due_tips, pay_tips


def shop_ticks(
    ports: Ports,
    *,
    public_url: str = "",
    fan_out: FanOut = in_threads,
    among_accounts: FanOut | None = None,
) -> list[Tick]:
    """Declare them. Source: payments 1.2 and 10 for the pace of looks; lifecycles 12.

    ``public_url`` is where buyers reach the server: they return there from paying a renewal. ``among_accounts`` is how receipts are looked at; by default none waits for an account that hangs.
    """
    receipts = ReceiptRounds(ports, fan_out=fan_out, among_accounts=among_accounts)
    deliveries = DeliveryRounds(ports)
    return [
        Tick(
            name="receipts",
            first_after_seconds=5,
            every_seconds=5,
            run=lambda: _work(receipts.run()),
            is_shared=True,
            has_work=receipts.has_work,
        ),
        Tick(
            name="deliveries",
            first_after_seconds=5,
            every_seconds=5,
            run=deliveries.run,
            is_shared=True,
            has_work=deliveries.has_work,
            on_stop=deliveries.stop,
        ),
        Tick(
            name="reconcile",
            first_after_seconds=15,
            every_seconds=60,
            run=lambda: _work(reconcile_backlog(ports, fan_out=fan_out)),
            is_shared=True,
            has_work=lambda: bool(list_due_invoices(limit=1, store=ports.store, clock=ports.clock)),
        ),
        Tick(
            name="renewals",
            first_after_seconds=30,
            every_seconds=60,
            run=lambda: renew_subscriptions(ports, public_url=public_url),
            is_shared=True,
            has_work=lambda: has_due_subscriptions(ports),
        ),
        Tick(
            name="tips",
            first_after_seconds=20,
            every_seconds=10,
            run=lambda: pay_tips(ports),
            is_shared=True,
            has_work=lambda: has_due_tips(ports),
        ),
        Tick(
            name="saved_payments",
            first_after_seconds=10,
            every_seconds=10,
            run=lambda: capture_payments(ports),
            is_shared=True,
            has_work=lambda: bool(
                list_wanted_payments(limit=1, store=ports.store, clock=ports.clock)
            ),
        ),
        Tick(
            name="code_slots",
            first_after_seconds=300,
            every_seconds=300,
            run=lambda: free_slots(ports),
            is_shared=True,
            has_work=lambda: bool(list_held_slots(1, store=ports.store, clock=ports.clock)),
        ),
        Tick(
            name="heartbeats",
            first_after_seconds=300,
            every_seconds=3_600,
            run=lambda: fold_backlog(ports),
            is_shared=True,
            has_work=lambda: bool(ports.heartbeats.list_written(1)),
        ),
        Tick(
            name="purge",
            first_after_seconds=60,
            every_seconds=3_600,
            run=lambda: purge(ports),
            is_shared=True,
        ),
    ]


def _work(done: Pass) -> Work:
    return Work(items=done.changed + done.unchanged, failed=done.failed)
