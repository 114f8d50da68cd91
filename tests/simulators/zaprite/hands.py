"""The hands behind Zaprite: the buyer who pays, the merchant at the dashboard, and the forger."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from tests.simulators.virtual_clock import VirtualClock
from tests.simulators.zaprite.books import Books
from tests.simulators.zaprite.contact import PaymentProfile
from tests.simulators.zaprite.deliveries import letter_of
from tests.simulators.zaprite.order import Method, Order, Status, TransactionStatus
from tests.simulators.zaprite.organization import Organization
from tests.simulators.zaprite.webhook_body import BodyShape, event_type_of, webhook_body

PROFILE_SECONDS: Final = 3 * 365 * 86_400
"""How long a saved card is good, unless told otherwise."""
FLOOD: Final = 1_000


class Hands:
    """What a test does at Zaprite. An order is named by Zaprite's id or the merchant's.

    Nothing here sends a webhook; each change queues what ``deliver_due`` or the clock will send.

    Raises:
        KeyError: There is no such order.
    """

    def __init__(self, books: Books) -> None:
        self.books = books

    def order(self, order: str) -> Order:
        """Get an order, of whichever organization."""
        with self.books.lock:
            return self.books.order(order)

    def status(self, order: str) -> str:
        """Tell an order's status."""
        return self.order(order).status

    def charges(self, order: str) -> int:
        """Tell how often a saved profile was really charged for an order."""
        return self.order(order).charges

    def pay(self, order: str, method: Method | str = Method.CARD, amount: int | None = None) -> str:
        """Pay, in full unless told otherwise, and give the transaction's id.

        A card and lightning arrive at once; on-chain and liquid coins are under way until
        ``confirm``. The amount is in the order's smallest unit.

        Raises:
            CannotBePaid: The checkout takes no payment any more.
        """
        with self.books.lock:
            paid = self.books.order(order)
            how = Method(method)
            is_slow = how in (Method.BITCOIN, Method.LIQUID)
            status = TransactionStatus.PENDING if is_slow else TransactionStatus.CONFIRMED
            if amount is None:
                amount = paid.total_amount - paid.paid_amount()
            payment = self.books.payment(paid, how, amount, status)
            self.books.change(paid, partial(paid.take, payment))
            return payment.id

    def confirm(self, order: str) -> None:
        """Let the payments under way arrive."""
        self._change(order, lambda found: found.confirm)

    def replace(self, order: str) -> None:
        """Let the payments under way come to nothing."""
        self._change(order, lambda found: found.replace)

    def complete(self, order: str) -> None:
        """Mark it fulfilled, as the merchant does with a paid order."""
        self.set_status(order, Status.COMPLETE)

    def abandon(self, order: str) -> None:
        """Give it up, paid or not."""
        self.set_status(order, Status.ABANDONED)

    def cancel(self, order: str) -> None:
        """Cancel it; ``CANCELED`` is not a documented status."""
        self.set_status(order, "CANCELED")

    def refund(self, order: str) -> None:
        """Give the money back; ``REFUNDED`` is not a documented status."""
        self.set_status(order, "REFUNDED")

    def set_status(self, order: str, status: str) -> None:
        """Give it any status, such as one that a later Zaprite might have."""
        self._change(order, lambda found: partial(found.put_status, status))

    def attach_profile(
        self,
        order: str,
        after: int = 0,
        *,
        method: Method = Method.CARD,
        expires_at: int | None = None,
    ) -> str:
        """Save the buyer's card with the order's contact and give the profile's id.

        The API shows it ``after`` so many seconds. It expires in three years unless told otherwise.

        Raises:
            ValueError: The order was not made to allow it.
        """
        with self.books.lock:
            source = self.books.order(order)
            contact = self.books.owner(source).find_contact(source)
            if contact is None or not source.may_save_profile:
                raise ValueError(f"order {source.id} allows no saved profile")
            now = self.books.clock.now()
            profile = PaymentProfile(
                id=self.books.ids.cuid(),
                method=method,
                expires_at=now + PROFILE_SECONDS if expires_at is None else expires_at,
                source_order_id=source.id,
                source_external_uniq_id=source.external_uniq_id,
                appears_at=now + after,
            )
            contact.profiles.append(profile)
            return profile.id

    def add_webhook(self, url: str, organization: Organization) -> None:
        """Paste a URL into the dashboard."""
        with self.books.lock:
            organization.webhooks[self.books.ids.cuid()] = url

    def remove_webhooks(self, organization: Organization) -> None:
        """Delete every URL from the dashboard; what is under way still comes."""
        with self.books.lock:
            organization.webhooks.clear()

    def revoke_key(self, key: str) -> None:
        """Make a key worthless."""
        with self.books.lock:
            self.books.organizations_by_key.pop(key).keys.remove(key)

    def announce(self, order: str) -> None:
        """Queue one more event about an order that did not change."""
        with self.books.lock:
            self.books.announce(self.books.order(order))

    def forge(
        self,
        url: str,
        order_id: str,
        *,
        org_id: str = "forged",
        shape: BodyShape = BodyShape.DOCUMENTED,
        status: str = Status.PAID,
    ) -> int | None:
        """Post, as anybody can, what Zaprite would post about an order; now and once."""
        body = webhook_body(shape, order_id=order_id, org_id=org_id, status=status)
        return self.books.deliveries.forge(letter_of(url, event_type_of(shape, status), body))

    def flood(
        self, url: str, order_ids: Iterable[str] = (), count: int = FLOOD
    ) -> Counter[int | None]:
        """Forge many events, about orders in turn or about unknown ones, and count the answers."""
        known = list(order_ids)
        answers: Counter[int | None] = Counter()
        for number in range(count):
            order_id = known[number % len(known)] if known else self._unknown_id()
            answers[self.forge(url, order_id)] += 1
        return answers

    def deliver_due(self) -> int:
        """Send what is due by now and give the number of attempts."""
        return self.books.deliveries.deliver_due()

    def deliver_in_parallel(self, threads: int = 8) -> int:
        """Send what is due by now from many threads at once, as Zaprite does."""
        with ThreadPoolExecutor(threads) as pool:
            sending = [pool.submit(self.deliver_due) for _ in range(threads)]
        return sum(sent.result() for sent in sending)

    def advance(self, seconds: int) -> None:
        """Let virtual time pass: orders expire, and webhooks go out on the way.

        Raises:
            TypeError: The double runs on the time of the day.
        """
        if not isinstance(self.books.clock, VirtualClock):
            raise TypeError("only a VirtualClock can be advanced")
        self.books.clock.advance(seconds)

    def _change(self, order: str, act: Callable[[Order], Callable[[int], int]]) -> None:
        with self.books.lock:
            found = self.books.order(order)
            self.books.change(found, act(found))

    def _unknown_id(self) -> str:
        with self.books.lock:
            return self.books.ids.order()
