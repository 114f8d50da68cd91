"""Policies, as operators manage them. Source: admin-api 2.5, B-34, B-36."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor
from keysat_core.domain.document import JSONValue
from keysat_core.domain.ids import PolicyId
from keysat_core.domain.policy import GRACE_PERIOD_DAYS_DEFAULT
from keysat_core.errors import NotFound, SlugTaken, StillReferenced, TierCapReached
from keysat_core.limits import PRODUCTS_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.policies import create_policy as creating
from keysat_core.use_cases.policies import delete_policy as deleting
from keysat_core.use_cases.policies import list_policies as listing
from keysat_core.use_cases.policies import update_policy as updating
from keysat_http.admin.paging import page_of
from keysat_http.bodies import Flag, WholeNumber
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import delete, get, patch, post
from keysat_http.views.policy import (
    DeletedPolicy,
    Policy,
    PolicyList,
    deleted_policy_view,
    policy_list_view,
    policy_view,
)

_PATH: Final = "/v1/admin/policies"
_TAGS: Final = ("policies",)


class NewPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A tier to create; units as in ``Policy``."""

    product_slug: str
    name: str
    slug: str
    duration_seconds: WholeNumber = 0
    grace_seconds: WholeNumber = 0
    max_machines: WholeNumber = 1
    is_trial: bool = False
    price_sats_override: WholeNumber | None = None
    entitlements: list[str] = []
    metadata: JSONValue = None
    tip_recipient: str | None = None
    tip_pct_bps: WholeNumber = 0
    tip_label: str | None = None
    is_recurring: bool = False
    renewal_period_days: WholeNumber = 0
    grace_period_days: WholeNumber | None = None
    trial_days: WholeNumber = 0
    tier_rank: WholeNumber | None = None


class PolicyPatch(msgspec.Struct, frozen=True, kw_only=True):
    """What to change. A null override or rank clears it; any other null leaves the field alone.

    ``metadata`` takes the place of all there is; ``metadata_changes`` sets single keys, or takes away
    those that are null.
    """

    name: str | UnsetType = UNSET
    duration_seconds: WholeNumber | UnsetType = UNSET
    grace_seconds: WholeNumber | UnsetType = UNSET
    max_machines: WholeNumber | UnsetType = UNSET
    is_trial: bool | UnsetType = UNSET
    price_sats_override: WholeNumber | UnsetType | None = UNSET
    entitlements: list[str] | UnsetType = UNSET
    metadata: JSONValue = None
    metadata_changes: dict[str, JSONValue] | UnsetType = UNSET
    is_recurring: bool | UnsetType = UNSET
    renewal_period_days: WholeNumber | UnsetType = UNSET
    grace_period_days: WholeNumber | UnsetType = UNSET
    trial_days: WholeNumber | UnsetType = UNSET
    tier_rank: WholeNumber | UnsetType | None = UNSET


@post(_PATH, raises=[TierCapReached, SlugTaken, NotFound], tags=_TAGS)
def create_policy(
    data: JSONBody[NewPolicy], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> Policy:
    """Create a tier: active, public, not archived."""
    grace_days = data.grace_period_days
    command = creating.CreatePolicy(
        product_slug=data.product_slug,
        slug=data.slug,
        name=data.name,
        duration_seconds=data.duration_seconds,
        grace_seconds=data.grace_seconds,
        max_machines=data.max_machines,
        is_trial=data.is_trial,
        price_sats_override=data.price_sats_override,
        entitlements=tuple(data.entitlements),
        metadata={} if data.metadata is None else data.metadata,
        tip_recipient=data.tip_recipient,
        tip_pct_bps=data.tip_pct_bps,
        tip_label=data.tip_label,
        is_recurring=data.is_recurring,
        renewal_period_days=data.renewal_period_days,
        grace_period_days=GRACE_PERIOD_DAYS_DEFAULT if grace_days is None else grace_days,
        trial_days=data.trial_days,
        tier_rank=data.tier_rank,
    )
    policy = creating.create_policy(
        actor,
        command,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        self_license=ports.self_license,
    )
    return policy_view(policy)


@get(_PATH, raises=[NotFound], tags=_TAGS)
def list_policies(
    *,
    product_slug: FromQuery[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    include_inactive: FromQuery[Flag] = "false",
    include_archived: FromQuery[Flag] = "false",
    limit: FromQuery[int] = PRODUCTS_MAX,
    offset: FromQuery[int] = 0,
) -> PolicyList:
    """List the policies of a product by name."""
    query = listing.ListPolicies(
        product_slug=product_slug,
        is_inactive_included=include_inactive == "true",
        is_archived_included=include_archived == "true",
    )
    policies = listing.list_policies(actor, query, store=ports.store)
    return policy_list_view(page_of(policies, limit=limit, offset=offset), total=len(policies))


@get(_PATH + "/{policy_id:str}", raises=[NotFound], tags=_TAGS)
def get_policy(
    policy_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> Policy:
    """Show one policy."""
    return policy_view(listing.show_policy(actor, PolicyId(policy_id), store=ports.store))


@patch(_PATH + "/{policy_id:str}", raises=[NotFound, TierCapReached], tags=_TAGS)
def update_policy(
    data: JSONBody[PolicyPatch],
    policy_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> Policy:
    """Change a tier; licenses already issued keep their terms."""
    entitlements = data.entitlements
    command = updating.UpdatePolicy(
        policy_id=PolicyId(policy_id),
        name=data.name,
        duration_seconds=data.duration_seconds,
        grace_seconds=data.grace_seconds,
        max_machines=data.max_machines,
        is_trial=data.is_trial,
        price_sats_override=data.price_sats_override,
        entitlements=UNSET if entitlements is UNSET else tuple(entitlements),
        metadata=UNSET if data.metadata is None else data.metadata,
        metadata_changes=data.metadata_changes,
        is_recurring=data.is_recurring,
        renewal_period_days=data.renewal_period_days,
        grace_period_days=data.grace_period_days,
        trial_days=data.trial_days,
        tier_rank=data.tier_rank,
    )
    policy = updating.update_policy(
        actor,
        command,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        self_license=ports.self_license,
    )
    return policy_view(policy)


@delete(
    _PATH + "/{policy_id:str}", raises=[NotFound, StillReferenced], tags=_TAGS, **REHEARSABLE_ROUTE
)
def delete_policy(
    policy_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    force: FromQuery[Flag] = "false",
) -> DeletedPolicy:
    """Delete a tier; with ``force`` also everything sold on it."""
    is_forced = force == "true"
    deletion = deleting.delete_policy(
        actor,
        deleting.DeletePolicy(policy_id=PolicyId(policy_id), is_forced=is_forced),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return deleted_policy_view(deletion, is_forced=is_forced)
