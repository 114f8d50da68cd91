"""``keysat password``: the password of the admin pages."""

import sys

import click

from keysat_cli.groups import NounGroup
from keysat_cli.options import confirm, yes_option
from keysat_cli.output import emit
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.domain.secret import Secret
from keysat_core.limits import WEB_PASSWORD_BYTES_MAX, WEB_PASSWORD_BYTES_MIN
from keysat_core.use_cases.access.set_password import clear_password, set_password
from keysat_http.views.web_password import WebPasswordChange


@click.group(cls=NounGroup)
def password() -> None:
    """Set the password of the admin pages."""


@password.command("set")
def set_() -> None:
    """Set the password, asked for unseen or read from stdin, and sign everybody out."""
    secret = read_password()
    with open_shop() as ports:
        ended = set_password(
            OPERATOR,
            secret,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            passwords=ports.passwords,
        )
    emit(WebPasswordChange(), [f"The password is set. Sessions ended: {ended}."])


@password.command()
@yes_option
def clear(*, is_yes: bool) -> None:
    """Remove the password, so that nobody can sign in, and sign everybody out."""
    confirm("Remove the password of the admin pages?", is_yes=is_yes)
    with open_shop() as ports:
        ended = clear_password(OPERATOR, store=ports.store, clock=ports.clock, ids=ports.ids)
    emit(WebPasswordChange(), [f"Nobody can sign in any more. Sessions ended: {ended}."])


def read_password() -> Secret:
    """Ask for the password unseen, or read it from stdin."""
    if sys.stdin.isatty():
        asked: str = click.prompt(
            f"Password ({WEB_PASSWORD_BYTES_MIN} bytes or more)",
            hide_input=True,
            confirmation_prompt=True,
            err=True,
        )
        return Secret(asked)
    # One more than may be used, so that a longer one is refused and never cut.
    return Secret(sys.stdin.readline(WEB_PASSWORD_BYTES_MAX + 2).rstrip("\r\n"))
