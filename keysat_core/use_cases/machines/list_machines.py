"""Read machines."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.listing import MachineFilter, MachineRow
from keysat_core.errors import NotFound
from keysat_core.ports.store import Store


def list_machines(
    actor: Actor, criteria: MachineFilter, *, product_slug: str | None = None, store: Store
) -> list[MachineRow]:
    """Give one page of machines, most recently seen first; a product id wins over a slug.

    Source: admin-api 2.7.

    Raises:
        Forbidden: the actor lacks ``machines:read``.
        NotFound: no product has the slug.
    """
    authorize(actor, Scope.MACHINES_READ)
    with store.reading() as tx:
        if product_slug is not None and criteria.product_id is None:
            product = tx.products.find_product_by_slug(product_slug)
            if product is None:
                raise NotFound("product", product_slug)
            criteria = msgspec.structs.replace(criteria, product_id=product.id)
        return tx.machines.list_machines(criteria)
