"""``keysat code``: discounts, referrals and free licenses."""

from typing import Any

import click
from msgspec import UNSET

from keysat_cli.commands.code_output import (
    attribution_lines,
    code_detail_lines,
    code_lines,
    code_list_lines,
    preview_lines,
)
from keysat_cli.groups import NounGroup
from keysat_cli.options import MOMENT, confirm, dry_run_option, page_options, yes_option
from keysat_cli.output import emit
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.code import CodeDuration, CodeKind
from keysat_core.domain.ids import CodeId
from keysat_core.domain.instant import Instant
from keysat_core.limits import CODES_PAGE_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.codes import create_code as creating
from keysat_core.use_cases.codes import delete_code as deleting
from keysat_core.use_cases.codes import list_codes as listed
from keysat_core.use_cases.codes import update_code as updating
from keysat_core.use_cases.codes.attribute_sales import attribute_sales
from keysat_core.use_cases.codes.preview_code import preview_code
from keysat_http.views.code import (
    DeletedCode,
    attribution_view,
    code_check_view,
    code_detail_view,
    code_list_view,
    code_view,
)

code_argument = click.argument("code", metavar="CODE")
policy_option = click.option(
    "--policy", "policies", multiple=True, metavar="SLUG", help="Only this tier; repeatable."
)


@click.group(cls=NounGroup)
def code() -> None:
    """Manage discount codes. CODE is its text, in any case, or its id."""


@code.command()
@code_argument
@click.option(
    "--kind",
    type=click.Choice([str(one) for one in CodeKind]),
    required=True,
    help="What the amount means: a share, an amount off, the price to pay; or a license for nothing.",
)
@click.option(
    "--amount",
    type=int,
    default=0,
    help="Hundredths of a percent for percent, else an amount in --currency; none for free_license.",
)
@click.option("--currency", metavar="CODE", help="SAT, USD or EUR; SAT if left out.")
@click.option(
    "--duration",
    type=click.Choice([str(one) for one in CodeDuration]),
    default=str(CodeDuration.ONCE),
    help="Whether it counts for the first cycle of a subscription or for all of them.",
)
@click.option("--max-uses", type=int, metavar="N", help="As often as anybody likes if left out.")
@click.option("--expires-at", type=MOMENT, help="RFC 3339; never if left out.")
@click.option("--product", metavar="SLUG", help="Only this product.")
@policy_option
@click.option("--referrer", metavar="TEXT", help="Whose sales these are, for the report.")
@click.option("--description", metavar="TEXT", default="", help="What it is.")
@click.option("--featured", is_flag=True, help="Applied by itself, and shown with the tiers.")
def create(
    *,
    code: str,
    kind: str,
    amount: int,
    currency: str | None,
    duration: str,
    max_uses: int | None,
    expires_at: Instant | None,
    product: str | None,
    policies: tuple[str, ...],
    referrer: str | None,
    description: str,
    featured: bool,
) -> None:
    """Create a code; it may be used at once."""
    command = creating.CreateCode(
        code=code,
        kind=kind,
        amount=amount,
        discount_currency=currency,
        duration=duration,
        max_uses=max_uses,
        expires_at=expires_at,
        product_slug=product,
        policy_slugs=policies,
        referrer_label=referrer,
        description=description,
        featured=featured,
    )
    with open_shop() as ports:
        made = creating.create_code(
            OPERATOR,
            command,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            self_license=ports.self_license,
        )
    emit(code_view(made), code_lines(made))


@code.command("list")
@click.option("--all", "is_all", is_flag=True, help="Those that are switched off too.")
@page_options(CODES_PAGE_MAX)
def list_(*, is_all: bool, limit: int, offset: int) -> None:
    """List codes, newest first."""
    with open_shop() as ports:
        page = listed.list_codes(
            OPERATOR, is_inactive_included=is_all, limit=limit, offset=offset, store=ports.store
        )
    emit(code_list_view(page), code_list_lines(page))


@code.command()
@code_argument
def show(code: str) -> None:
    """Show a code and what became of its uses."""
    with open_shop() as ports:
        shown = listed.show_code(OPERATOR, _id(ports, code), store=ports.store)
    emit(code_detail_view(shown), code_detail_lines(shown))


@code.command()
@code_argument
@click.option("--amount", type=int, help="The new amount, read as the code's kind says.")
@click.option("--max-uses", type=int, metavar="N", help="0 for as often as anybody likes.")
@click.option("--expires-at", type=MOMENT, help="RFC 3339; from then on it is refused.")
@click.option("--never-expires", is_flag=True, help="Take its end away.")
@click.option("--description", metavar="TEXT", help="What it is.")
@click.option("--referrer", metavar="TEXT", help='"" for nobody.')
@click.option(
    "--featured/--not-featured",
    default=None,
    help="Show it with the tiers, and apply it when a buyer types none.",
)
@policy_option
@click.option("--any-policy", is_flag=True, help="For every tier of its product.")
def update(*, code: str, never_expires: bool, any_policy: bool, **asked: Any) -> None:
    """Change a code; what is not named stays. Its text, kind and product never change."""
    changes = changes_asked(never_expires=never_expires, any_policy=any_policy, **asked)
    with open_shop() as ports:
        command = updating.UpdateCode(
            code_id=_id(ports, code),
            **changes,
        )
        changed = updating.update_code(
            OPERATOR, command, store=ports.store, clock=ports.clock, ids=ports.ids
        )
    emit(code_view(changed), code_lines(changed))


@code.command()
@code_argument
def enable(code: str) -> None:
    """Let a code be used again."""
    _switch(code, active=True)


@code.command()
@code_argument
def disable(code: str) -> None:
    """Let a code be used no more; what was sold with it stays."""
    _switch(code, active=False)


@code.command()
@code_argument
@yes_option
@dry_run_option
def delete(code: str, *, is_yes: bool) -> None:
    """Delete a code that was never used."""
    confirm(f"Delete discount code {code!r}?", is_yes=is_yes)
    with open_shop() as ports:
        gone = deleting.delete_code(
            OPERATOR, _id(ports, code), store=ports.store, clock=ports.clock, ids=ports.ids
        )
    emit(DeletedCode(ok=True, deleted=gone.code), [f"Deleted code {gone.code}."])


@code.command()
@code_argument
@click.option("--product", metavar="SLUG", required=True, help="What would be bought.")
@click.option(
    "--policy", metavar="SLUG", help="On which tier; else the one a buyer gets who names none."
)
def preview(code: str, *, product: str, policy: str | None) -> None:
    """Tell what a code takes off a price, as a buyer would see it."""
    with open_shop() as ports:
        found = preview_code(
            code, product, policy, store=ports.store, clock=ports.clock, rates=ports.rates
        )
    view = code_check_view(found)
    emit(view, preview_lines(found, view.message))


@code.command()
@click.option("--since", type=MOMENT, help="From this instant on, RFC 3339.")
@click.option("--until", type=MOMENT, help="Before this instant.")
def attribution(*, since: Instant | None, until: Instant | None) -> None:
    """Report which codes and referrers brought which sales, most revenue first."""
    with open_shop() as ports:
        found = attribute_sales(OPERATOR, since=since, until=until, store=ports.store)
    emit(attribution_view(found), attribution_lines(found))


def _id(ports: Ports, text: str) -> CodeId:
    return listed.find_code_id(OPERATOR, text, store=ports.store)


def changes_asked(*, never_expires: bool, any_policy: bool, **asked: Any) -> dict[str, Any]:
    """Read the options of an update: what was not given is left alone.

    Raises:
        click.UsageError: two of them contradict each other.
    """
    if never_expires and asked["expires_at"] is not None:
        raise click.UsageError("--expires-at and --never-expires exclude each other")
    if any_policy and asked["policies"]:
        raise click.UsageError("--policy and --any-policy exclude each other")
    changes = {
        field: UNSET if asked[field] is None else asked[field]
        for field in ("amount", "max_uses", "expires_at", "description", "featured")
    }
    changes["referrer_label"] = UNSET if asked["referrer"] is None else asked["referrer"]
    changes["policy_slugs"] = asked["policies"] or (() if any_policy else UNSET)
    if changes["max_uses"] == 0:
        changes["max_uses"] = None
    if never_expires:
        changes["expires_at"] = None
    return changes


def _switch(code: str, *, active: bool) -> None:
    with open_shop() as ports:
        changed = updating.set_code_active(
            OPERATOR,
            updating.SetCodeActive(code_id=_id(ports, code), active=active),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            self_license=ports.self_license,
        )
    emit(code_view(changed), code_lines(changed))
