"""What the Zaprite double keeps, and the one way an order changes there.

Everything here runs under the lock of the double.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

from tests.simulators.fault_plan import StaleRead
from tests.simulators.virtual_clock import TimedClock
from tests.simulators.zaprite.deliveries import Deliveries, letter_of
from tests.simulators.zaprite.objects import order_object
from tests.simulators.zaprite.order import COINS, Method, Order, Transaction, TransactionStatus
from tests.simulators.zaprite.organization import Organization
from tests.simulators.zaprite.seeded_ids import SeededIds
from tests.simulators.zaprite.webhook_body import BodyShape, event_type_of, webhook_body

SATS_PER_CENT: Final = 20
"""What a cent costs in pretend coins: 50 000 USD for a bitcoin, whatever the currency."""


class Books:
    """Organizations with their orders; whoever changes an order does it by ``change``.

    Attributes:
        checkout_base_url: Where buyers pay; None is wherever the order was asked for.
        shows_nulls: Whether optional fields of an order without a value are null, not absent.
        body_shape: How webhooks are written.
    """

    def __init__(
        self,
        clock: TimedClock,
        lock: AbstractContextManager[object],
        ids: SeededIds,
        deliveries: Deliveries,
    ) -> None:
        self.clock = clock
        self.lock = lock
        self.ids = ids
        self.deliveries = deliveries
        self.organizations: dict[str, Organization] = {}
        self.organizations_by_key: dict[str, Organization] = {}
        self.checkout_base_url: str | None = None
        self.shows_nulls = False
        self.body_shape = BodyShape.DOCUMENTED

    def open_organization(self, *, is_sandbox: bool) -> Organization:
        """Open an organization with one key."""
        organization = Organization(id=self.ids.cuid(), is_sandbox=is_sandbox)
        self.organizations[organization.id] = organization
        self.add_key(organization)
        return organization

    def add_key(self, organization: Organization) -> str:
        """Make a further key for an organization."""
        key = self.ids.api_key()
        organization.keys.append(key)
        self.organizations_by_key[key] = organization
        return key

    def order(self, key: str) -> Order:
        """Get an order of any organization.

        Raises:
            KeyError: There is none.
        """
        for organization in self.organizations.values():
            if (order := organization.find_order(key)) is not None:
                self.expire(order)
                return order
        raise KeyError(key)

    def owner(self, order: Order) -> Organization:
        """Get the organization of an order."""
        return self.organizations[order.org_id]

    def expire(self, order: Order) -> None:
        """Give the order up if its time is over."""
        if order.expires_at is not None and order.expires_at <= self.clock.now():
            self.change(order, order.expire)

    def change(self, order: Order, act: Callable[[int], int]) -> None:
        """Do something to an order and announce each thing that changed.

        Args:
            order: The order.
            act: Given the present instant, gives the number of things it changed.
        """
        now = self.clock.now()
        before = self.shown(order)
        count = act(now)
        if count:
            order.earlier = (now, before)
        for _ in range(count):
            self.announce(order)

    def announce(self, order: Order) -> None:
        """Queue one event about an order for each registered URL."""
        event_type = event_type_of(self.body_shape, order.status)
        body = webhook_body(
            self.body_shape, order_id=order.id, org_id=order.org_id, status=order.status
        )
        for url in self.owner(order).webhooks.values():
            self.deliveries.send(letter_of(url, event_type, body))

    def shown(self, order: Order, stale: StaleRead | None = None) -> dict[str, Any]:
        """Give the object the API shows, or the one before if that is asked for and recent."""
        if stale is not None and order.earlier is not None:
            changed_at, before = order.earlier
            if self.clock.now() - changed_at <= stale.seconds:
                return before
        contact = self.owner(order).find_contact(order)
        return order_object(order, contact, shows_nulls=self.shows_nulls)

    def payment(
        self, order: Order, method: Method, amount: int, status: TransactionStatus
    ) -> Transaction:
        """Make a payment towards an order, the amount in the order's own smallest unit."""
        currency = COINS.get(method, order.currency)
        is_converted = currency != order.currency and order.currency not in COINS.values()
        return Transaction(
            id=self.ids.cuid(),
            method=method,
            amount=amount * SATS_PER_CENT if is_converted else amount,
            currency=currency,
            amount_in_order_currency=amount,
            external_ref=self.ids.cuid(),
            created_at=self.clock.now(),
            status=status,
        )
