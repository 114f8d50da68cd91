"""Read policies."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.ids import PolicyId
from keysat_core.domain.policy import Policy
from keysat_core.errors import NotFound
from keysat_core.ports.store import Store


class ListPolicies(msgspec.Struct, frozen=True, kw_only=True):
    """The policies of one product."""

    product_slug: str
    is_inactive_included: bool = False
    is_archived_included: bool = False


def list_policies(actor: Actor, query: ListPolicies, *, store: Store) -> list[Policy]:
    """Give a product's policies by name (admin-api 2.5).

    Raises:
        Forbidden: the actor lacks ``policies:read``.
        NotFound: no product has the slug.
    """
    authorize(actor, Scope.POLICIES_READ)
    with store.reading() as tx:
        product = tx.products.find_product_by_slug(query.product_slug)
        if product is None:
            raise NotFound("product", query.product_slug)
        policies = tx.policies.list_policies(product.id)
    return [
        policy
        for policy in policies
        if (policy.active or query.is_inactive_included)
        and (not policy.is_archived or query.is_archived_included)
    ]


def show_policy(actor: Actor, policy_id: PolicyId, *, store: Store) -> Policy:
    """Give one policy (B-34).

    Raises:
        Forbidden: the actor lacks ``policies:read``.
        NotFound: no such policy.
    """
    authorize(actor, Scope.POLICIES_READ)
    with store.reading() as tx:
        return tx.policies.get_policy(policy_id)


def find_policy_id(actor: Actor, product_slug: str, slug: str, *, store: Store) -> PolicyId:
    """Give the id of the policy with a slug.

    Raises:
        Forbidden: the actor lacks ``policies:read``.
        NotFound: no such product or policy.
    """
    authorize(actor, Scope.POLICIES_READ)
    with store.reading() as tx:
        product = tx.products.find_product_by_slug(product_slug)
        if product is None:
            raise NotFound("product", product_slug)
        policy = tx.policies.find_policy_by_slug(product.id, slug)
    if policy is None:
        raise NotFound("policy", slug)
    return policy.id
