"""Policies as operators see them. Source: admin-api 2.1, 2.5."""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.document import JSONValue
from keysat_core.domain.instant import rfc3339, rfc3339_or_none
from keysat_core.domain.policy import Policy as DomainPolicy
from keysat_core.use_cases.policies.archive_policy import ArchivedPolicy as Archiving
from keysat_core.use_cases.policies.delete_policy import DeletedPolicy as Deletion
from keysat_http.views.outcome import settled_invoices_warning


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A tier. ``price_sats_override`` counts the smallest unit of the product's currency."""

    id: str
    product_id: str
    name: str
    slug: str
    duration_seconds: int
    grace_seconds: int
    max_machines: int
    is_trial: bool
    price_sats_override: int | None
    entitlements: tuple[str, ...]
    metadata: JSONValue
    active: bool
    tip_recipient: str | None
    tip_pct_bps: int
    tip_label: str | None
    public: bool
    is_recurring: bool
    renewal_period_days: int
    grace_period_days: int
    trial_days: int
    tier_rank: int | None
    archived_at: str | None
    created_at: str
    updated_at: str


class PolicyList(msgspec.Struct, frozen=True, kw_only=True):
    """Policies of one product."""

    policies: list[Policy]
    total: int


class DeletedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What went with a policy."""

    ok: bool
    deleted: str
    force: bool
    cascaded_licenses: int
    cascaded_invoices: int
    cascaded_machines: int
    cascaded_redemptions: int
    cascaded_subscriptions: int
    warning: str | UnsetType = UNSET


class ArchivedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a policy is archived now. ``already``: it was in that state before."""

    ok: bool
    archived: bool
    already: str | UnsetType = UNSET


def policy_view(policy: DomainPolicy) -> Policy:
    """Render a policy."""
    tip = policy.tip
    return Policy(
        id=policy.id,
        product_id=policy.product_id,
        name=policy.name,
        slug=policy.slug,
        duration_seconds=policy.duration_seconds,
        grace_seconds=policy.grace_seconds,
        max_machines=policy.max_machines,
        is_trial=policy.is_trial,
        price_sats_override=policy.price_sats_override,
        entitlements=policy.entitlements,
        metadata=policy.metadata,
        active=policy.active,
        tip_recipient=tip.recipient if tip else None,
        tip_pct_bps=tip.pct_bps if tip else 0,
        tip_label=tip.label if tip else None,
        public=policy.public,
        is_recurring=policy.is_recurring,
        renewal_period_days=policy.renewal_period_days,
        grace_period_days=policy.grace_period_days,
        trial_days=policy.trial_days,
        tier_rank=policy.tier_rank,
        archived_at=rfc3339_or_none(policy.archived_at),
        created_at=rfc3339(policy.created_at),
        updated_at=rfc3339(policy.updated_at),
    )


def policy_list_view(policies: Iterable[DomainPolicy], *, total: int) -> PolicyList:
    """Render policies in the order given; ``total`` counts all that match."""
    return PolicyList(policies=[policy_view(policy) for policy in policies], total=total)


def deleted_policy_view(deletion: Deletion, *, is_forced: bool) -> DeletedPolicy:
    """Render a deletion. Codes do not exist yet, so no redemption goes with a policy."""
    return DeletedPolicy(
        ok=True,
        deleted=deletion.slug,
        force=is_forced,
        cascaded_licenses=deletion.counts.licenses,
        cascaded_invoices=deletion.counts.invoices,
        cascaded_machines=deletion.counts.machines,
        cascaded_redemptions=deletion.counts.redemptions,
        cascaded_subscriptions=deletion.counts.subscriptions,
        warning=settled_invoices_warning(deletion.counts),
    )


def archived_policy_view(archiving: Archiving) -> ArchivedPolicy:
    """Render whether a policy is archived now."""
    is_archived = archiving.policy.is_archived
    state = "archived" if is_archived else "unarchived"
    return ArchivedPolicy(
        ok=True, archived=is_archived, already=state if archiving.is_already else UNSET
    )
