"""``keysat profile``: business identities, and who is paid for them."""

from pathlib import Path
from typing import Final

import click
import msgspec

from keysat_cli.commands.profile_options import identity_options, mail_options
from keysat_cli.commands.profile_output import profile_lines, provider_lines
from keysat_cli.groups import NounGroup
from keysat_cli.options import confirm, dry_run_option, yes_option
from keysat_cli.output import emit, listing
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.payment import RAIL_ALIASES
from keysat_core.limits import LOGO_BYTES_MAX
from keysat_core.use_cases.merchants import set_logo as picturing
from keysat_core.use_cases.merchants.create_profile import CreateProfile, create_profile
from keysat_core.use_cases.merchants.delete_profile import delete_profile
from keysat_core.use_cases.merchants.list_profiles import (
    list_profiles,
    show_default_accounts,
    show_profile,
)
from keysat_core.use_cases.merchants.prefer_account import (
    PreferAccount,
    clear_preference,
    prefer_account,
)
from keysat_core.use_cases.merchants.set_default_profile import set_default_profile
from keysat_core.use_cases.merchants.update_profile import UpdateProfile, update_profile
from keysat_http.views.merchant import (
    changed_profile_view,
    cleared_logo_view,
    cleared_preference_view,
    profile_detail_view,
    profile_list_view,
    profile_view,
    provider_status_view,
    set_logo_view,
    set_preference_view,
)

HEADINGS: Final = ("name", "default", "providers", "id")

CLEARABLE: Final = tuple(
    field.replace("_", "-")
    for field in UpdateProfile.__struct_fields__
    if field not in {"profile_id", "name"}
)
"""Fields that may be absent."""

profile_argument = click.argument("profile_id", metavar="PROFILE_ID")
rail_argument = click.argument("rail", type=click.Choice(list(RAIL_ALIASES)), metavar="RAIL")


@click.group(cls=NounGroup)
def profile() -> None:
    """Manage merchant profiles and who collects for them."""


@profile.command()
@click.argument("name")
@identity_options
def create(name: str, **fields: str | None) -> None:
    """Create a profile. It is not the default and has no provider yet but, in a sandbox, that one."""
    with open_shop() as ports:
        created = create_profile(
            OPERATOR,
            CreateProfile(name=name, **fields),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            self_license=ports.self_license,
            is_sandbox=ports.sandbox is not None,
        )
    emit(profile_view(created), profile_lines(created))


@profile.command("list")
def list_() -> None:
    """List profiles: the default first, then the newest."""
    with open_shop() as ports:
        found = list_profiles(OPERATOR, store=ports.store)
    rows = [
        (
            row.profile.name,
            row.profile.is_default,
            [account.kind for account in row.accounts],
            row.profile.id,
        )
        for row in found
    ]
    emit(profile_list_view(found, total=len(found)), listing(HEADINGS, rows, noun="profiles"))


@profile.command()
@profile_argument
def show(profile_id: str) -> None:
    """Show a profile with its providers and what hangs on it."""
    with open_shop() as ports:
        found = show_profile(OPERATOR, MerchantProfileId(profile_id), store=ports.store)
    lines = [
        *profile_lines(found.profile, ("products", found.product_count)),
        *provider_lines(found.accounts, found.preferences),
    ]
    emit(profile_detail_view(found), lines)


@profile.command()
@profile_argument
@click.option("--name", metavar="TEXT", help="What buyers see.")
@identity_options
@mail_options
@click.option(
    "--clear",
    "cleared",
    type=click.Choice(CLEARABLE),
    multiple=True,
    metavar="FIELD",
    help="Take a field's value away, such as support-url; repeat for more.",
)
def update(profile_id: str, *, cleared: tuple[str, ...], **fields: object) -> None:
    """Change a profile; what is not named stays."""
    changes = changed_fields(cleared=cleared, **fields)
    command = msgspec.structs.replace(
        UpdateProfile(profile_id=MerchantProfileId(profile_id)), **changes
    )
    with open_shop() as ports:
        changed = update_profile(
            OPERATOR, command, store=ports.store, clock=ports.clock, ids=ports.ids
        )
    emit(profile_view(changed), profile_lines(changed))


def changed_fields(*, cleared: tuple[str, ...], **fields: object) -> dict[str, object]:
    """Read the options of an update: what was not given is left alone, None clears.

    Raises:
        click.UsageError: a field is set and cleared at once.
    """
    changes = {field: value for field, value in fields.items() if value is not None}
    for field in (name.replace("-", "_") for name in cleared):
        if field in changes:
            raise click.UsageError(f"{field} cannot be set and cleared at once")
        changes[field] = None
    return changes


@profile.command()
@profile_argument
@yes_option
@dry_run_option
def delete(profile_id: str, *, is_yes: bool) -> None:
    """Delete a profile that has neither products nor connected providers."""
    confirm(f"Delete merchant profile {profile_id!r}?", is_yes=is_yes)
    with open_shop() as ports:
        gone = delete_profile(
            OPERATOR,
            MerchantProfileId(profile_id),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    emit(changed_profile_view(gone), [f"Deleted merchant profile {gone.name}."])


@profile.command()
def providers() -> None:
    """Show who is paid for the default profile."""
    with open_shop() as ports:
        found = show_default_accounts(OPERATOR, store=ports.store)
    view = provider_status_view(found)
    rows = [(one.kind, one.label, one.base_url, one.id) for one in view.providers]
    lines = listing(("kind", "label", "server", "provider id"), rows, noun="providers")
    emit(view, [f"Profile: {view.merchant_profile_name}", *lines])


@profile.command("set-default")
@profile_argument
def set_default(profile_id: str) -> None:
    """Make a profile the one of all products that name none, at once."""
    with open_shop() as ports:
        default = set_default_profile(
            OPERATOR,
            MerchantProfileId(profile_id),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    emit(changed_profile_view(default), [f"{default.name} is the default merchant profile."])


@profile.command()
@profile_argument
@rail_argument
@click.argument("provider_id", metavar="PROVIDER_ID")
def prefer(profile_id: str, rail: str, provider_id: str) -> None:
    """Choose which provider of a profile collects on a rail."""
    command = PreferAccount(
        profile_id=MerchantProfileId(profile_id),
        rail=rail,
        account_id=ProviderAccountId(provider_id),
    )
    with open_shop() as ports:
        preference = prefer_account(
            OPERATOR, command, store=ports.store, clock=ports.clock, ids=ports.ids
        )
    said = f"{preference.provider_account_id} collects on {preference.rail}."
    emit(set_preference_view(preference), [said])


@profile.command()
@profile_argument
@rail_argument
@dry_run_option
def unprefer(profile_id: str, rail: str) -> None:
    """Let the earliest connected provider collect on a rail again."""
    owner = MerchantProfileId(profile_id)
    with open_shop() as ports:
        cleared = clear_preference(
            OPERATOR, owner, rail, store=ports.store, clock=ports.clock, ids=ports.ids
        )
    said = f"The earliest connected provider that serves {cleared} collects on it."
    emit(cleared_preference_view(owner, cleared), [said])


@profile.command("set-logo")
@profile_argument
@click.argument("picture", metavar="FILE", type=click.Path(exists=True, dir_okay=False))
def set_logo(profile_id: str, picture: str) -> None:
    """Give a profile the picture its buyers see: PNG, JPEG or WebP of at most 32 kB."""
    content = read_picture(picture)
    with open_shop() as ports:
        logo = picturing.set_logo(
            OPERATOR,
            MerchantProfileId(profile_id),
            content,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    emit(set_logo_view(logo), [f"Set a logo of {len(logo.content)} bytes ({logo.media_type})."])


def read_picture(path: str) -> bytes:
    """Read a picture, no more of it than tells that it is too large.

    Raises:
        click.ClickException: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return file.read(LOGO_BYTES_MAX + 1)
    except OSError as exc:
        raise click.ClickException(f"cannot read {path}: {exc.strerror}") from exc


@profile.command("clear-logo")
@profile_argument
@dry_run_option
def clear_logo(profile_id: str) -> None:
    """Take a profile's picture away; fine without one."""
    with open_shop() as ports:
        cleared = picturing.clear_logo(
            OPERATOR,
            MerchantProfileId(profile_id),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
    emit(cleared_logo_view(cleared), ["The profile has no logo."])
