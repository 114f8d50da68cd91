"""``keysat api-key``: keys for scripts and helpers."""

from typing import Final

import click

from keysat_cli.groups import NounGroup
from keysat_cli.options import confirm, dry_run_option, page_options, yes_option
from keysat_cli.output import emit, facts, listing, note, time_text
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.access import GRANTABLE, Role
from keysat_core.domain.api_key import ApiKey
from keysat_core.domain.ids import ApiKeyId
from keysat_core.limits import API_KEYS_PAGE_MAX
from keysat_core.use_cases.access.create_key import CreateKey, create_key
from keysat_core.use_cases.access.list_keys import list_keys
from keysat_core.use_cases.access.revoke_key import revoke_key
from keysat_http.views.api_key import api_key_list_view, created_api_key_view, revocation_view

HEADINGS: Final = ("label", "role", "also", "created", "last used", "revoked", "id")


@click.group("api-key", cls=NounGroup)
def api_key() -> None:
    """Manage the keys of scripts and helpers."""


@api_key.command()
@click.argument("label")
@click.option(
    "--role",
    type=click.Choice([str(role) for role in Role]),
    required=True,
    help="What it may do; the roles are in docs/access.md.",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(sorted(str(scope) for scope in GRANTABLE)),
    help="Allow this too; no role does.",
)
def create(label: str, *, role: str, scopes: tuple[str, ...]) -> None:
    """Create a key and show its token, which is never shown again."""
    with open_shop() as ports:
        made = create_key(
            OPERATOR,
            CreateKey(label=label, role=role, scopes=scopes),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            entropy=ports.entropy,
        )
    lines = facts([*_facts(made.key), ("token", made.token.reveal())])
    emit(created_api_key_view(made), lines)
    note("Keep the token now; it is never shown again.")


@api_key.command("list")
@page_options(API_KEYS_PAGE_MAX)
def list_(limit: int, offset: int) -> None:
    """List keys, newest first, revoked ones too."""
    with open_shop() as ports:
        page = list_keys(OPERATOR, limit=limit, offset=offset, store=ports.store)
    rows = [
        (
            key.label,
            key.role,
            key.extra_scopes,
            time_text(key.created_at),
            time_text(key.last_used_at),
            time_text(key.revoked_at),
            key.id,
        )
        for key in page.keys
    ]
    emit(api_key_list_view(page), listing(HEADINGS, rows, noun="API keys"))


@api_key.command()
@click.argument("key_id", metavar="KEY_ID")
@yes_option
@dry_run_option
def revoke(key_id: str, *, is_yes: bool) -> None:
    """Revoke a key for good; its next request is refused."""
    confirm(f"Revoke the API key {key_id} for good?", is_yes=is_yes)
    with open_shop() as ports:
        revocation = revoke_key(
            OPERATOR, ApiKeyId(key_id), store=ports.store, clock=ports.clock, ids=ports.ids
        )
    said = "Revoked" if revocation.is_new else "It was revoked before:"
    emit(revocation_view(revocation), [f"{said} {revocation.key.label}."])


def _facts(key: ApiKey) -> list[tuple[str, object]]:
    return [
        ("id", key.id),
        ("label", key.label),
        ("role", str(key.role)),
        ("also", key.extra_scopes),
        ("created at", time_text(key.created_at)),
    ]
