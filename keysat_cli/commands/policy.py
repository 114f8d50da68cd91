"""``keysat policy``: the tiers of a product."""

from typing import Any

import click
import msgspec

from keysat_cli.commands.policy_options import terms_options, tip_options
from keysat_cli.commands.policy_output import emit_policies, emit_policy
from keysat_cli.groups import NounGroup
from keysat_cli.options import (
    PolicyAddress,
    confirm,
    dry_run_option,
    force_option,
    policy_argument,
    yes_option,
)
from keysat_cli.output import emit
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.ids import PolicyId
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.policies.archive_policy import ArchivePolicy, archive_policy
from keysat_core.use_cases.policies.create_policy import CreatePolicy, create_policy
from keysat_core.use_cases.policies.delete_policy import DeletePolicy, delete_policy
from keysat_core.use_cases.policies.list_policies import (
    ListPolicies,
    find_policy_id,
    list_policies,
    show_policy,
)
from keysat_core.use_cases.policies.order_policies import OrderPolicies, order_policies
from keysat_core.use_cases.policies.update_policy import (
    SetTip,
    UpdatePolicy,
    set_tip,
    update_policy,
)
from keysat_core.use_cases.products.list_products import find_product_id
from keysat_http.views.policy import deleted_policy_view


@click.group(cls=NounGroup)
def policy() -> None:
    """Manage the tiers of a product."""


@policy.command()
@policy_argument
@click.option("--name", required=True, metavar="TEXT", help="What buyers see.")
@terms_options
@tip_options
def create(address: PolicyAddress, **fields: object) -> None:
    """Create a tier, on sale at once."""
    given = {name: value for name, value in fields.items() if value not in (None, ())}
    command = msgspec.convert(
        given | {"product_slug": address.product_slug, "slug": address.slug}, CreatePolicy
    )
    with open_shop() as ports:
        created = create_policy(
            OPERATOR,
            command,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            self_license=ports.self_license,
        )
    emit_policy(created)


@policy.command("list")
@click.argument("product_slug", metavar="PRODUCT")
@click.option("--all", "is_all", is_flag=True, help="List inactive and archived ones too.")
def list_(product_slug: str, *, is_all: bool) -> None:
    """List the tiers of a product by name."""
    query = ListPolicies(
        product_slug=product_slug, is_inactive_included=is_all, is_archived_included=is_all
    )
    with open_shop() as ports:
        policies = list_policies(OPERATOR, query, store=ports.store)
    emit_policies(policies)


@policy.command()
@policy_argument
def show(address: PolicyAddress) -> None:
    """Show a tier."""
    with open_shop() as ports:
        found = show_policy(OPERATOR, _id(ports, address), store=ports.store)
    emit_policy(found)


@policy.command()
@policy_argument
@click.option("--name", metavar="TEXT", help="What buyers see.")
@terms_options
@click.option("--no-entitlements", is_flag=True, help="Grant none.")
@click.option("--no-price-sats-override", is_flag=True, help="Use the product's price.")
@click.option("--no-tier-rank", is_flag=True, help="Take it off the upgrade ladder.")
def update(address: PolicyAddress, **fields: Any) -> None:
    """Change a tier; what is not named stays. Licenses already issued keep their terms."""
    _change(address, changes_given(**fields))


@policy.command()
@policy_argument
@dry_run_option
def archive(address: PolicyAddress) -> None:
    """Take a tier off sale for good; licenses already issued keep validating."""
    _archive(address, archived=True)


@policy.command()
@policy_argument
def unarchive(address: PolicyAddress) -> None:
    """Put an archived tier back on sale."""
    _archive(address, archived=False)


@policy.command()
@policy_argument
def activate(address: PolicyAddress) -> None:
    """Put a tier on sale."""
    _change(address, {"active": True})


@policy.command()
@policy_argument
def deactivate(address: PolicyAddress) -> None:
    """Take a tier off sale."""
    _change(address, {"active": False})


@policy.command()
@policy_argument
def publish(address: PolicyAddress) -> None:
    """Show a tier to buyers."""
    _change(address, {"public": True})


@policy.command()
@policy_argument
def hide(address: PolicyAddress) -> None:
    """Hide a tier from buyers; you can still issue licenses on it."""
    _change(address, {"public": False})


@policy.command()
@click.argument("product_slug", metavar="PRODUCT")
@click.argument("slugs", nargs=-1, required=True, metavar="POLICY…")
def reorder(product_slug: str, slugs: tuple[str, ...]) -> None:
    """Put all tiers that are not archived in order, lowest first."""
    with open_shop() as ports:
        product_id = find_product_id(OPERATOR, product_slug, store=ports.store)
        policy_ids = tuple(_id(ports, PolicyAddress(product_slug, slug)) for slug in slugs)
        ordered = order_policies(
            OPERATOR,
            OrderPolicies(product_id=product_id, policy_ids=policy_ids),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    emit_policies(ordered)


@policy.command("set-tip")
@policy_argument
@tip_options
def set_tip_(
    address: PolicyAddress, *, tip_recipient: str | None, tip_pct_bps: int, tip_label: str | None
) -> None:
    """Set who gets a share of each sale; without options nobody does."""
    with open_shop() as ports:
        command = SetTip(
            policy_id=_id(ports, address),
            tip_recipient=tip_recipient,
            tip_pct_bps=tip_pct_bps,
            tip_label=tip_label,
        )
        changed = set_tip(OPERATOR, command, store=ports.store, clock=ports.clock, ids=ports.ids)
    emit_policy(changed)


@policy.command()
@policy_argument
@force_option("its licenses, machines and invoices")
@yes_option
@dry_run_option
def delete(address: PolicyAddress, *, is_forced: bool, is_yes: bool) -> None:
    """Delete a tier nobody depends on."""
    with open_shop() as ports:
        policy_id = _id(ports, address)
        what = " and everything ever sold on it" if is_forced else ""
        confirm(f"Delete policy {'/'.join(address)!r}{what}?", is_yes=is_yes)
        deletion = delete_policy(
            OPERATOR,
            DeletePolicy(policy_id=policy_id, is_forced=is_forced),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    counts = deletion.counts
    gone = (
        f"Deleted policy {deletion.slug}: {counts.licenses} licenses, "
        f"{counts.machines} machines, {counts.invoices} invoices."
    )
    emit(deleted_policy_view(deletion, is_forced=is_forced), [gone])


def changes_given(
    *, no_entitlements: bool, no_price_sats_override: bool, no_tier_rank: bool, **fields: object
) -> dict[str, object]:
    """Read the options of an update: what was not given is left alone.

    Raises:
        click.UsageError: a field is set and cleared at once.
    """
    given = {name: value for name, value in fields.items() if value not in (None, ())}
    cleared: dict[str, tuple[bool, object]] = {
        "entitlements": (no_entitlements, ()),
        "price_sats_override": (no_price_sats_override, None),
        "tier_rank": (no_tier_rank, None),
    }
    for name, (is_cleared, empty) in cleared.items():
        if is_cleared and name in given:
            raise click.UsageError(f"{name} cannot be set and cleared at once")
        if is_cleared:
            given[name] = empty
    return given


def _id(ports: Ports, address: PolicyAddress) -> PolicyId:
    return find_policy_id(OPERATOR, address.product_slug, address.slug, store=ports.store)


def _change(address: PolicyAddress, changes: dict[str, object]) -> None:
    with open_shop() as ports:
        command = msgspec.convert({"policy_id": _id(ports, address), **changes}, UpdatePolicy)
        changed = update_policy(
            OPERATOR,
            command,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            self_license=ports.self_license,
        )
    emit_policy(changed)


def _archive(address: PolicyAddress, *, archived: bool) -> None:
    with open_shop() as ports:
        command = ArchivePolicy(policy_id=_id(ports, address), archived=archived)
        outcome = archive_policy(
            OPERATOR, command, store=ports.store, clock=ports.clock, ids=ports.ids
        )
    emit_policy(outcome.policy)
