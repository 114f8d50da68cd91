"""The hands that move a double: the operator's, the buyer's and the network's.

Each control changes the state at once. Unless ``delivers_at_once`` was switched off, a virtual-time
double then sends what is due before the control returns.
"""

import time
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from tests.simulators.btcpay.accounts import (
    CREATE_INVOICE,
    MODIFY_INVOICES,
    MODIFY_SETTINGS,
    VIEW_INVOICES,
    VIEW_SETTINGS,
    APIKey,
    User,
)
from tests.simulators.btcpay.consent import ConsentForm, check_redirect, grant, question_at
from tests.simulators.btcpay.invoice_machine import Event, mark
from tests.simulators.btcpay.invoices import Invoice, Rail, Status
from tests.simulators.btcpay.payments import confirm_invoice, pay_invoice, replace_payments
from tests.simulators.btcpay.stores import LightningNode, PayableInvoice, Route, Store
from tests.simulators.btcpay.webhooks import Delivery, Webhook
from tests.simulators.btcpay.world import World
from tests.simulators.virtual_clock import VirtualClock

KEYSAT_PERMISSIONS: Final = (
    VIEW_SETTINGS,
    MODIFY_SETTINGS,
    VIEW_INVOICES,
    CREATE_INVOICE,
    MODIFY_INVOICES,
)
"""What Keysat asks for when it connects."""


class Controls:
    """Base of the double. Ids name what a control is about."""

    def __init__(self, world: World, *, delivers_at_once: bool) -> None:
        self.world = world
        self.delivers_at_once = delivers_at_once
        self.user = self.add_user()

    def deliver_due(self) -> None:
        """Send every webhook that is due now; on a wall clock they are sent anyway."""
        if isinstance(self.world.clock, VirtualClock):
            self.world.clock.run_due()

    def advance(self, seconds: int) -> None:
        """Move a virtual clock on, firing expiry, monitoring and retries on the way."""
        assert isinstance(self.world.clock, VirtualClock), "a wall clock cannot be moved"
        self.world.clock.advance(seconds)

    def wait_idle(self, timeout_seconds: float) -> bool:
        """Wait on a wall clock until no webhook has anything queued; say whether that came."""
        until = time.monotonic() + timeout_seconds
        while any(webhook.queue for webhook in self.webhooks()):
            if time.monotonic() > until:
                return False
            time.sleep(0.005)
        return True

    def _moved(self) -> None:
        if self.delivers_at_once:
            self.deliver_due()

    # What there is.

    def invoice(self, invoice_id: str) -> Invoice:
        return self.world.invoices[invoice_id]

    def invoices(self) -> list[Invoice]:
        """List all invoices, oldest first."""
        return list(self.world.invoices.values())

    def webhook(self, webhook_id: str) -> Webhook:
        return self.world.webhooks[webhook_id]

    def webhooks(self) -> list[Webhook]:
        return list(self.world.webhooks.values())

    def deliveries(self, webhook_id: str) -> list[Delivery]:
        """List the attempts of a webhook, oldest first."""
        return [tried for tried in self.webhook(webhook_id).log.values() if tried.status]

    # The operator.

    def add_user(self, *, is_admin: bool = False) -> User:
        """Add somebody; the double begins with one, ``user``, who is no admin."""
        with self.world.lock:
            user = User(id=self.world.ids.user(), is_admin=is_admin)
            self.world.users[user.id] = user
            return user

    def add_store(
        self,
        name: str = "A store",
        *,
        user: User | None = None,
        network: str = "regtest",
        has_wallet: bool = True,
        is_node_synced: bool = True,
        lightning: LightningNode | None = None,
        has_lightning: bool = True,
        speed_policy: str = "MediumSpeed",
        tolerance_percent: Decimal = Decimal(0),
    ) -> Store:
        """Add a store; its fields may be changed at any time afterwards."""
        with self.world.lock:
            store = Store(
                id=self.world.ids.store(),
                name=name,
                network=network,
                has_wallet=has_wallet,
                is_node_synced=is_node_synced,
                lightning=(lightning or LightningNode()) if has_lightning else None,
                speed_policy=speed_policy,
                tolerance_percent=tolerance_percent,
            )
            self.world.stores[store.id] = store
            (user or self.user).store_ids.append(store.id)
            return store

    def rename_store(self, store_id: str, name: str) -> None:
        self.world.stores[store_id].name = name

    def use_receive_address(self, store_id: str) -> None:
        """Receive money at the wallet's address, so that it shows another one."""
        self.world.stores[store_id].receive_address = ""

    def add_key(
        self,
        *store_ids: str,
        permissions: Iterable[str] = KEYSAT_PERMISSIONS,
        user: User | None = None,
        label: str = "By hand",
    ) -> str:
        """Add a key for some stores, or for all of its user, and give its text."""
        granted = tuple(permissions)
        if store_ids:
            granted = tuple(f"{name}:{store_id}" for name in granted for store_id in store_ids)
        with self.world.lock:
            key = APIKey(
                text=self.world.ids.hexadecimal(20),
                user=user or self.user,
                label=label,
                permissions=granted,
            )
            self.world.keys[key.text] = key
            return key.text

    def revoke_key(self, key: str) -> None:
        with self.world.lock:
            del self.world.keys[key]

    def approve(
        self, authorize_url: str, stores: Sequence[str] | None = None, *, user: User | None = None
    ) -> ConsentForm:
        """Grant what the address asks for: the key is made, and the form is yours to post.

        Without ``stores`` it holds for every store the user has or will have; with none at all
        in the list it may do nothing in any.

        Raises:
            ConsentRefused: BTCPay would not show the page.
        """
        with self.world.lock:
            question = question_at(authorize_url)
            check_redirect(self.world, question)
            return grant(self.world, user or self.user, question, stores)

    def deny(self, authorize_url: str) -> None:
        """Refuse what the address asks for: nobody is told."""

    def mark(self, invoice_id: str, status: Status | str) -> None:
        """Mark an invoice settled or invalid by hand.

        Raises:
            IllegalMark: Not in its present status.
        """
        with self.world.lock:
            invoice = self.invoice(invoice_id)
            self.world.announce(invoice, mark(invoice, Status(status), now=self.world.now()))
        self._moved()

    def refund(self, invoice_id: str) -> str:
        """Open a refund and give the id of its pull payment; told from 2.4 on."""
        with self.world.lock:
            pull_payment_id = self.world.ids.short()
            if self.world.traits.has_refund_event:
                event = Event("InvoiceRefund", {"pullPaymentId": pull_payment_id})
                self.world.announce(self.invoice(invoice_id), [event])
        self._moved()
        return pull_payment_id

    def archive(self, invoice_id: str) -> None:
        """Hide an invoice from lists; it can still be read."""
        self.invoice(invoice_id).is_archived = True

    def rotate_secret(self, webhook_id: str, secret: str | None = None) -> str:
        """Give a webhook another secret, known to nobody else."""
        with self.world.lock:
            self.webhook(webhook_id).secret = secret or self.world.ids.short()
            return self.webhook(webhook_id).secret

    def disable_webhook(self, webhook_id: str) -> None:
        self.webhook(webhook_id).is_enabled = False

    def delete_webhook(self, webhook_id: str) -> None:
        with self.world.lock:
            self.world.delete_webhook(self.webhook(webhook_id))

    def redeliver(self, webhook_id: str, delivery_id: str) -> None:
        """Send a delivery again by hand."""
        with self.world.lock:
            webhook = self.webhook(webhook_id)
            self.world.deliveries.redeliver(webhook, webhook.log[delivery_id])
        self._moved()

    def restart(self) -> None:
        """Restart the server: queues are lost, the rest is kept, expiry waits two minutes."""
        with self.world.lock:
            self.world.restart()

    # The buyer and the network.

    def pay(
        self,
        invoice_id: str,
        sats: int | None = None,
        rail: Rail | str = Rail.LIGHTNING,
        *,
        confirmed: bool = False,
    ) -> None:
        """Pay an amount, or what is due, at any time, late ones too."""
        with self.world.lock:
            invoice = self.invoice(invoice_id)
            if sats is None:
                sats = max((invoice.due_sats or 0) - invoice.paid_sats, 1)
            pay_invoice(self.world, invoice, sats, Rail(rail), is_confirmed=confirmed)
        self._moved()

    def confirm(self, invoice_id: str, blocks: int = 1) -> None:
        """Mine blocks on an invoice's unconfirmed payments."""
        with self.world.lock:
            confirm_invoice(self.world, self.invoice(invoice_id), blocks)
        self._moved()

    def replace(self, invoice_id: str) -> None:
        """Double-spend an invoice's unconfirmed payments."""
        with self.world.lock:
            replace_payments(self.world, self.invoice(invoice_id))
        self._moved()

    # The lightning node.

    def add_payable(
        self,
        store_id: str,
        bolt11: str,
        payment_hash: str,
        amount_sats: int,
        route: Route | str = Route.COMPLETE,
        *,
        fee_sats: int = 1,
    ) -> PayableInvoice:
        """Register a BOLT11 invoice that the store's node may be asked to pay."""
        invoice = PayableInvoice(
            bolt11=bolt11.lower(),
            payment_hash=payment_hash,
            amount_sats=amount_sats,
            route=Route(route),
            fee_sats=fee_sats,
        )
        self._node(store_id).pay_outcomes[invoice.bolt11] = invoice
        return invoice

    def resolve_payment(self, store_id: str, payment_hash: str, status: str) -> None:
        """End a payment that was under way: "Complete" or "Failed"."""
        self._node(store_id).payments[payment_hash].status = status

    def times_sent(self, store_id: str, payment_hash: str) -> int:
        """Count how often money left for a payment hash; more than once is a double payment."""
        return self._node(store_id).sent[payment_hash]

    def _node(self, store_id: str) -> LightningNode:
        node = self.world.stores[store_id].lightning
        assert node is not None, "the store has no lightning node"
        return node
