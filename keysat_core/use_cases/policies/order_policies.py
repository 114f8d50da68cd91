"""Put the tiers of a product in order."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import outbox_event, policy_updated
from keysat_core.domain.ids import EventId, PolicyId, ProductId
from keysat_core.domain.policy import Policy
from keysat_core.errors import InvariantError
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class OrderPolicies(msgspec.Struct, frozen=True, kw_only=True):
    """Every policy of the product that is not archived, lowest tier first."""

    product_id: ProductId
    policy_ids: tuple[PolicyId, ...]


def order_policies(
    actor: Actor, command: OrderPolicies, *, store: Store, clock: Clock, ids: Ids
) -> list[Policy]:
    """Give the policies the ranks 1, 2, 3 … in the order sent (B-34).

    Raises:
        Forbidden: the actor lacks ``policies:write``.
        NotFound: no such product.
        InvariantError: the list is not exactly the policies that are not archived.
    """
    authorize(actor, Scope.POLICIES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        product = tx.products.get_product(command.product_id)
        policies = {p.id: p for p in tx.policies.list_policies(product.id) if not p.is_archived}
        is_complete = sorted(command.policy_ids) == sorted(policies)
        if not is_complete:
            raise InvariantError(
                "policy_ids", "list every policy that is not archived, each exactly once"
            )
        ordered = [
            msgspec.structs.replace(policies[policy_id], tier_rank=rank, updated_at=now)
            for rank, policy_id in enumerate(command.policy_ids, start=1)
        ]
        for policy in ordered:
            tx.policies.put_policy(policy)
            event = policy_updated(policy, "tier_rank")
            tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
        target = ("product", product.id)
        tx.trail.append_audit(
            audited(actor, "policy.reorder", now, target=target, policy_ids=command.policy_ids)
        )
    return ordered
