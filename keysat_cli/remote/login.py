"""``keysat login``, ``logout`` and ``logins``: servers by name, with the keys that open them."""

import sys
from typing import Any, Final

import click
import msgspec

from keysat_cli import place
from keysat_cli.groups import JSONCommand
from keysat_cli.output import emit, listing, note
from keysat_cli.remote.api import API
from keysat_cli.remote.logins import (
    Login,
    checked_name,
    logins_path,
    put_login,
    read_logins,
    remove_login,
)
from keysat_cli.remote.running import sender_for
from keysat_cli.remote.target import (
    Target,
    checked_ca_file,
    checked_key,
    checked_url,
    read_key,
    variable_key,
)
from keysat_core.domain.secret import Secret

NAME_DEFAULT: Final = "default"


class LoginView(msgspec.Struct, frozen=True, kw_only=True):
    """A login, never with its key."""

    name: str
    url: str


class LoginList(msgspec.Struct, frozen=True, kw_only=True):
    """Every login, and the file they are in."""

    path: str
    logins: list[LoginView]


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there was such a login."""

    ok: bool
    name: str


@click.command(cls=JSONCommand)
@click.option("--name", default=NAME_DEFAULT, show_default=True, help="What to call it here.")
@click.option("--unchecked", is_flag=True, help="Keep it without asking the server first.")
def login(*, name: str, unchecked: bool) -> None:
    """Keep a server's address and API key, for --profile NAME; --url says which server.

    The key is asked for, or read from stdin, --api-key-file or KEYSAT_API_KEY. It is tried at the
    server, then kept in a file that only you can read.
    """
    checked_name(name)
    given = place.given_options(click.get_current_context())
    is_insecure = place.INSECURE_HTTP in given
    address = given.get(place.URL) or place.variable(place.URL_VARIABLE)
    if address is None:
        raise click.UsageError("say which server: keysat login --url https://licenses.example.com")
    ca_file = checked_ca_file(given.get(place.CA_FILE))
    url = checked_url(address, is_insecure_allowed=is_insecure)
    target = Target(url=url, key=_key(given), ca_file=ca_file)
    if not unchecked:
        _try(target)
    path = logins_path()
    put_login(
        path,
        name,
        Login(url=url, key=target.key, insecure_http=is_insecure, ca_file=ca_file),
    )
    emit(
        LoginView(name=name, url=url),
        [f"Kept as {name} in {path}. Use it with: keysat --profile {name} …"],
    )


@click.command(cls=JSONCommand)
@click.argument("name")
def logout(name: str) -> None:
    """Forget a server's address and key. The key stays good: delete it at the server if need be."""
    was_there = remove_login(logins_path(), name)
    said = f"Forgot {name}." if was_there else f"There is no login {name}."
    emit(Forgotten(ok=was_there, name=name), [said])
    if not was_there:
        click.get_current_context().exit(3)


@click.command(cls=JSONCommand)
def logins() -> None:
    """List the servers that are kept, never their keys."""
    path = logins_path()
    known = sorted(read_logins(path).items())
    view = LoginList(
        path=str(path), logins=[LoginView(name=name, url=one.url) for name, one in known]
    )
    rows = [(one.name, one.url) for one in view.logins]
    emit(view, listing(("name", "url"), rows, noun="logins"))


def _key(given: dict[str, str]) -> Secret:
    """Take the key from where no other program sees it."""
    if place.API_KEY_FILE in given:
        return read_key(given[place.API_KEY_FILE])
    if place.API_KEY in given:
        return checked_key(given[place.API_KEY])
    if (key := variable_key(given)) is not None:
        return key
    if sys.stdin.isatty():
        typed: str = click.prompt("API key", hide_input=True, err=True)
        return checked_key(typed)
    return read_key("-")


def _try(target: Target) -> None:
    """See that the server is one and knows the key; products are what every role may read."""
    with sender_for(target) as sender:
        api = API(target, sender, idempotency_key="")
        found: Any = api.get("products", limit=1)
    if not isinstance(found, dict) or "products" not in found:
        note("Warning: the server gave an answer this program does not know.")
