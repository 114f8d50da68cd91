"""Part of the store: what is sold and on which terms, and taking it away again."""

from typing import Protocol

from keysat_core.domain.ids import PolicyId, ProductId
from keysat_core.domain.instant import Instant
from keysat_core.domain.listing import CascadeCounts
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product


class Products(Protocol):
    """Products. Slugs are unique."""

    def get_product(self, product_id: ProductId) -> Product: ...
    def find_product(self, product_id: ProductId) -> Product | None: ...
    def find_product_by_slug(self, slug: str) -> Product | None: ...
    def list_products(self, *, is_inactive_included: bool) -> list[Product]:
        """In the byte order of their names, at most ``PRODUCTS_MAX``."""
        ...

    def put_product(self, product: Product) -> None:
        """Raises ``SlugTaken`` when another product has the slug."""
        ...

    def count_products(self) -> int: ...


class Policies(Protocol):
    """Policies. Slugs are unique within a product."""

    def get_policy(self, policy_id: PolicyId) -> Policy: ...
    def find_policy(self, policy_id: PolicyId) -> Policy | None: ...
    def find_policy_by_slug(self, product_id: ProductId, slug: str) -> Policy | None: ...
    def list_policies(self, product_id: ProductId) -> list[Policy]:
        """All of a product in the byte order of their names, at most ``PRODUCTS_MAX``."""
        ...

    def put_policy(self, policy: Policy) -> None:
        """Raises ``SlugTaken`` when the product has another policy with the slug."""
        ...

    def count_policies(self, product_id: ProductId) -> int: ...


class Removals(Protocol):
    """Deleting products and policies with everything that hangs on them. Decides nothing."""

    def product_dependents(self, product_id: ProductId) -> CascadeCounts:
        """Count what refers to a product; licenses and invoices of any state."""
        ...

    def policy_dependents(self, policy_id: PolicyId, since: Instant) -> CascadeCounts:
        """Count what keeps a policy: licenses not revoked, settled invoices, and pending ones.

        Of pending invoices those created after ``since`` count, since a buyer may be paying one
        (B-16), and of all that are not settled those with ``attention``: money may wait there for
        the operator's word (decisions 17).
        """
        ...

    def remove_product(self, product_id: ProductId) -> CascadeCounts: ...
    def remove_policy(self, policy_id: PolicyId) -> CascadeCounts:
        """Invoices that a license of another policy refers to are kept without their policy."""
        ...
