"""An organization at Zaprite: what one API key can see."""

from dataclasses import dataclass, field

from tests.simulators.zaprite.contact import Contact, PaymentProfile
from tests.simulators.zaprite.order import Order


@dataclass(slots=True, kw_only=True, eq=False)
class Organization:
    """One merchant's books, live or sandbox.

    Attributes:
        keys: The API keys that open it; any number.
        webhooks: URL by registration id. The same URL may be there twice and is then called twice.
        registration_refusal: What ``POST /v1/webhooks`` is refused with; None accepts it.
    """

    id: str
    is_sandbox: bool
    keys: list[str] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    webhooks: dict[str, str] = field(default_factory=dict)
    registration_refusal: int | None = None
    _by_external_id: dict[str, Order] = field(default_factory=dict)

    @property
    def api_key(self) -> str:
        """The key made last."""
        return self.keys[-1]

    def add_order(self, order: Order) -> None:
        """Keep a new order; its own id need not be unique, the newest answers to it."""
        self.orders[order.id] = order
        if order.external_uniq_id is not None:
            self._by_external_id[order.external_uniq_id] = order

    def find_order(self, key: str) -> Order | None:
        """Find an order by Zaprite's id or by the merchant's."""
        return self.orders.get(key) or self._by_external_id.get(key)

    def find_contact(self, order: Order) -> Contact | None:
        """Find the contact an order is attached to."""
        return None if order.contact_id is None else self.contacts.get(order.contact_id)

    def find_profile(self, profile_id: str, now: int) -> tuple[Contact, PaymentProfile] | None:
        """Find a saved profile that has appeared by now, and whose it is."""
        for contact in self.contacts.values():
            for profile in contact.visible_profiles(now):
                if profile.id == profile_id:
                    return contact, profile
        return None
