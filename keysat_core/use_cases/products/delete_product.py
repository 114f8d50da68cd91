"""Delete a product."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import ProductDeleted, outbox_event
from keysat_core.domain.ids import EventId, ProductId
from keysat_core.domain.listing import CascadeCounts
from keysat_core.errors import StillReferenced
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class DeleteProduct(msgspec.Struct, frozen=True, kw_only=True):
    """Which product. ``is_forced`` also deletes its licenses, machines and invoices."""

    product_id: ProductId
    is_forced: bool = False


class DeletedProduct(msgspec.Struct, frozen=True, kw_only=True):
    """What is gone."""

    slug: str
    counts: CascadeCounts


def delete_product(
    actor: Actor, command: DeleteProduct, *, store: Store, clock: Clock, ids: Ids
) -> DeletedProduct:
    """Delete a product with its policies; by force with everything sold of it (lifecycles 5, B-15).

    Raises:
        Forbidden: the actor lacks ``products:write``.
        NotFound: no such product.
        StillReferenced: not forced, and invoices or licenses refer to it.
    """
    authorize(actor, Scope.PRODUCTS_WRITE)
    now = clock.now()
    with store.writing() as tx:
        product = tx.products.get_product(command.product_id)
        dependents = tx.removals.product_dependents(product.id)
        blockers = {
            name: count
            for name, count in (
                ("licenses", dependents.licenses),
                ("invoices", dependents.invoices),
                ("live subscriptions", dependents.subscriptions),
            )
            if count
        }
        if blockers and not command.is_forced:
            raise StillReferenced("product", product.slug, blockers)
        counts = tx.removals.remove_product(product.id)
        tx.trail.append_audit(
            audited(
                actor,
                "product.force_delete" if command.is_forced else "product.delete",
                now,
                target=("product", product.id),
                slug=product.slug,
                name=product.name,
                force=command.is_forced,
                cascaded_policies=counts.policies,
                cascaded_codes=counts.codes,
                cascaded_licenses=counts.licenses,
                cascaded_invoices=counts.invoices,
                cascaded_machines=counts.machines,
                cascaded_redemptions=counts.redemptions,
                cascaded_subscriptions=counts.subscriptions,
            )
        )
        event = ProductDeleted(product_id=product.id, slug=product.slug)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return DeletedProduct(slug=product.slug, counts=counts)
