"""Read machines."""

import msgspec

from keysat_core.domain.activity import Heartbeat
from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.listing import MachineFilter, MachineRow, Total
from keysat_core.errors import NotFound
from keysat_core.ports.activity import Heartbeats
from keysat_core.ports.store import Store


class MachinePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of machines, and how many there are on all."""

    rows: tuple[MachineRow, ...]
    total: Total


def list_machines(
    actor: Actor,
    criteria: MachineFilter,
    *,
    product_slug: str | None = None,
    store: Store,
    heartbeats: Heartbeats,
) -> MachinePage:
    """Give one page of machines, most recently seen first; a product id wins over a slug.

    Which machines are on the page follows from their rows, and so from heartbeats that were folded
    into them; times and order on it are up to date. Source: admin-api 2.7.

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
        rows = tx.machines.list_machines(criteria)
        total = tx.machines.count_machines(criteria)
    seen = heartbeats.last_seen(row.machine.id for row in rows if row.machine.active)
    newest_first = sorted(
        (_seen(row, seen.get(row.machine.id)) for row in rows),
        key=lambda row: (row.machine.last_heartbeat_at, row.machine.id),
        reverse=True,
    )
    return MachinePage(rows=tuple(newest_first), total=total)


def _seen(row: MachineRow, beat: Heartbeat | None) -> MachineRow:
    return row if beat is None else msgspec.structs.replace(row, machine=row.machine.seen(beat))
