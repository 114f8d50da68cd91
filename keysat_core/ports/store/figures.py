"""Part of the store: what is counted and added up by day, and looking for anything by a word."""

from collections.abc import Mapping
from typing import Protocol

from keysat_core.domain.figures import (
    Days,
    LicenseDay,
    ProductDay,
    RecurringPrice,
    RenewalDay,
    SubscriptionFlow,
)
from keysat_core.domain.ids import ProductId
from keysat_core.domain.search import Hit, Needle


class Figures(Protocol):
    """Numbers that are kept as things happen, so that reading them costs the same in any shop."""

    def list_product_days(self, days: Days, products_max: int) -> list[ProductDay]:
        """What was earned on each day that earned something, by day.

        Only the products that earned most are told apart; what the others did stands under None.
        """
        ...

    def list_license_days(self, days: Days) -> list[LicenseDay]:
        """How licenses came and went, of the days on which any did."""
        ...

    def count_active_licenses(self) -> Mapping[ProductId, int]:
        """Licenses neither suspended nor revoked now, of products that have any."""
        ...

    def list_renewal_days(self, days: Days) -> list[RenewalDay]:
        """When active subscriptions fall due, by day; those overdue count for the first day."""
        ...

    def list_recurring_prices(self) -> list[RecurringPrice]:
        """What active subscriptions bring in a cycle, by the length of it."""
        ...

    def subscription_flow(self, days: Days) -> SubscriptionFlow:
        """How many subscriptions began and ended."""
        ...

    def count_live_subscriptions(self) -> int:
        """Subscriptions that are billed: active ones and those past due."""
        ...


class Search(Protocol):
    """Looks for things by how they begin; case does not matter. Every answer has at most ``limit``."""

    def find_licenses(self, id_beginning: str, limit: int) -> list[Hit]:
        """By id."""
        ...

    def find_buyers(self, beginning: str, limit: int) -> list[Hit]:
        """By e-mail, each once, in the order of them; of invoices and licenses alike.

        The id of a hit is the e-mail as it is looked for in lists.
        """
        ...

    def find_invoices(self, needle: Needle, limit: int) -> list[Hit]:
        """By id, or by that at the provider, whose case matters; a short one of these must be whole."""
        ...

    def find_machines(self, needle: Needle, limit: int) -> list[Hit]:
        """By id, by the hash of the fingerprint or the fingerprint itself, and by host name."""
        ...

    def find_codes(self, beginning: str, limit: int) -> list[Hit]:
        """By how they are spelled."""
        ...

    def find_products(self, beginning: str, limit: int) -> list[Hit]:
        """By slug and by name. Of names only the case of ASCII does not matter."""
        ...

    def find_policies(self, beginning: str, limit: int) -> list[Hit]:
        """By slug and by name, as products."""
        ...
