"""Everything one BTCPay Server holds, and the few things that more than one part does to it."""

from collections.abc import Callable, Iterable
from threading import RLock
from typing import Final

from tests.simulators.btcpay.accounts import APIKey, User
from tests.simulators.btcpay.deliveries import Deliveries
from tests.simulators.btcpay.identifiers import Identifiers
from tests.simulators.btcpay.invoice_machine import Event, end_monitoring, expire
from tests.simulators.btcpay.invoices import Invoice, Status
from tests.simulators.btcpay.modes import TRAITS, Mode
from tests.simulators.btcpay.stores import Store
from tests.simulators.btcpay.webhooks import Webhook, occurrence_of
from tests.simulators.fault_plan import FaultPlan
from tests.simulators.postman import Postman
from tests.simulators.virtual_clock import TimedClock

RESTART_GRACE_SECONDS: Final = 120


class World:
    """The state. Whoever reads or changes it holds ``lock``.

    Attributes:
        settled_answered_at: When a caller first got to see that an invoice is settled, by its id.
        settled_in_answer: The invoices that the answer being made says are settled.
    """

    def __init__(
        self,
        *,
        clock: TimedClock,
        seed: int,
        mode: Mode,
        faults: FaultPlan,
        postman: Postman,
        is_threaded: bool,
        check_webhook: Callable[[str, bytes], None],
    ) -> None:
        self.clock = clock
        self.mode = mode
        self.traits = TRAITS[mode]
        self.lock = RLock()
        self.ids = Identifiers(seed)
        self.users: dict[str, User] = {}
        self.keys: dict[str, APIKey] = {}
        self.grants: dict[tuple[str, str], str] = {}
        self.stores: dict[str, Store] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.invoices: dict[str, Invoice] = {}
        self.invoices_by_order: dict[tuple[str, str], list[Invoice]] = {}
        self.webhooks_by_store: dict[str, list[Webhook]] = {}
        self.settled_answered_at: dict[str, int] = {}
        self.settled_in_answer: list[str] = []
        self._expiry_not_before = 0
        self.deliveries = Deliveries(
            clock=clock,
            lock=self.lock,
            ids=self.ids,
            traits=self.traits,
            faults=faults,
            postman=postman,
            is_threaded=is_threaded,
            check_body=check_webhook,
        )

    def now(self) -> int:
        return self.clock.now()

    def add_invoice(self, invoice: Invoice) -> None:
        """Open an invoice and watch its time."""
        self.invoices[invoice.id] = invoice
        order_id = invoice.metadata.get("orderId")
        if isinstance(order_id, str):
            self.invoices_by_order.setdefault((invoice.store_id, order_id), []).append(invoice)
        self.clock.call_at(invoice.expires_at + 1, lambda: self._expire(invoice))

    def announce(self, invoice: Invoice, events: Iterable[Event]) -> None:
        """Queue events for every webhook of the store that asked for them, and watch the end."""
        for event in events:
            for webhook in self.webhooks_by_store.get(invoice.store_id, ()):
                if webhook.wants(event.type):
                    occurrence = occurrence_of(
                        event,
                        invoice,
                        now=self.now(),
                        has_metadata=not self.traits.methods_are_keyed,
                    )
                    self.deliveries.enqueue(webhook, occurrence)
            if event.type == "InvoiceProcessing" and invoice.status is Status.PROCESSING:
                self.clock.call_at(
                    invoice.monitored_until + 1, lambda: self._end_monitoring(invoice)
                )

    def add_webhook(self, webhook: Webhook) -> None:
        self.webhooks[webhook.id] = webhook
        self.webhooks_by_store.setdefault(webhook.store_id, []).append(webhook)

    def delete_webhook(self, webhook: Webhook) -> None:
        """Delete a webhook; what is queued for it is never sent."""
        webhook.is_deleted = True
        del self.webhooks[webhook.id]
        self.webhooks_by_store[webhook.store_id].remove(webhook)

    def restart(self) -> None:
        """Lose the queues and hold expiry back for a while."""
        for webhook in self.webhooks.values():
            self.deliveries.forget(webhook)
        self._expiry_not_before = self.now() + RESTART_GRACE_SECONDS

    def _expire(self, invoice: Invoice) -> None:
        with self.lock:
            if self.now() < self._expiry_not_before:
                self.clock.call_at(self._expiry_not_before, lambda: self._expire(invoice))
                return
            self.announce(invoice, expire(invoice, now=self.now(), traits=self.traits))

    def _end_monitoring(self, invoice: Invoice) -> None:
        with self.lock:
            self.announce(invoice, end_monitoring(invoice, now=self.now()))
