"""Switches of a policy: on sale or not, shown or hidden, archived, with or without a tip.

Source: admin-api 2.5; decisions 10.
"""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import PolicyId
from keysat_core.errors import NotFound
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.policies import archive_policy as archiving
from keysat_core.use_cases.policies import update_policy as updating
from keysat_http.bodies import WholeNumber
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import patch
from keysat_http.views.outcome import DONE, Done
from keysat_http.views.policy import ArchivedPolicy, Policy, archived_policy_view, policy_view

_PATH: Final = "/v1/admin/policies/{policy_id:str}"
_TAGS: Final = ("policies",)


class PolicyActivity(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a policy is sold."""

    active: bool


class PolicyVisibility(msgspec.Struct, frozen=True, kw_only=True):
    """Whether buyers see a policy."""

    public: bool


class PolicyArchiving(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a policy is archived."""

    archived: bool


class PolicyTip(msgspec.Struct, frozen=True, kw_only=True):
    """A new tip; all three fields are replaced."""

    tip_pct_bps: WholeNumber
    tip_recipient: str | None = None
    tip_label: str | None = None


@patch(_PATH + "/active", raises=[NotFound], tags=_TAGS)
def set_policy_active(
    data: JSONBody[PolicyActivity],
    policy_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> Done:
    """Take a tier on or off sale."""
    _update(actor, updating.UpdatePolicy(policy_id=PolicyId(policy_id), active=data.active), ports)
    return DONE


@patch(_PATH + "/public", raises=[NotFound], tags=_TAGS)
def set_policy_public(
    data: JSONBody[PolicyVisibility],
    policy_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> Done:
    """Show a tier to buyers or hide it; a hidden one can still be issued by hand."""
    _update(actor, updating.UpdatePolicy(policy_id=PolicyId(policy_id), public=data.public), ports)
    return DONE


@patch(_PATH + "/archived", raises=[NotFound], tags=_TAGS, **REHEARSABLE_ROUTE)
def set_policy_archived(
    data: JSONBody[PolicyArchiving],
    policy_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> ArchivedPolicy:
    """Take a tier off sale for good, or put it back."""
    command = archiving.ArchivePolicy(policy_id=PolicyId(policy_id), archived=data.archived)
    outcome = archiving.archive_policy(
        actor, command, store=ports.store, clock=ports.clock, ids=ports.ids
    )
    return archived_policy_view(outcome)


@patch(_PATH + "/tip", raises=[NotFound], tags=_TAGS)
def set_policy_tip(
    data: JSONBody[PolicyTip],
    policy_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> Policy:
    """Replace the tip of a tier."""
    command = updating.SetTip(
        policy_id=PolicyId(policy_id),
        tip_recipient=data.tip_recipient,
        tip_pct_bps=data.tip_pct_bps,
        tip_label=data.tip_label,
    )
    policy = updating.set_tip(actor, command, store=ports.store, clock=ports.clock, ids=ports.ids)
    return policy_view(policy)


def _update(actor: Actor, command: updating.UpdatePolicy, ports: Ports) -> None:
    updating.update_policy(
        actor,
        command,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        self_license=ports.self_license,
    )
