"""Where a command runs: options and variables read, nothing loaded or opened yet.

Only the process's own environment counts, never ``.env``: a file in a folder somebody gave you must
not send your key to them.
"""

import os
from collections.abc import Sequence
from typing import Final

import click

REMOTE_META: Final = "keysat_cli.remote"
"""Where the options leave what they were given in the click context."""

URL: Final = "url"
API_KEY: Final = "api_key"
API_KEY_FILE: Final = "api_key_file"
PROFILE: Final = "profile"
CA_FILE: Final = "ca_file"
IDEMPOTENCY_KEY: Final = "idempotency_key"
INSECURE_HTTP: Final = "insecure_http"
LOCAL: Final = "local"

URL_VARIABLE: Final = "KEYSAT_URL"
API_KEY_VARIABLE: Final = "KEYSAT_API_KEY"
PROFILE_VARIABLE: Final = "KEYSAT_PROFILE"

_WHERE: Final = (
    (URL, "URL", "Run the command at the server at this address, over its admin API."),
    (PROFILE, "NAME", "The same, at the server that keysat login keeps under this name."),
    (
        API_KEY,
        "KEY",
        "Its API key; others here can read it in the list of processes: prefer --api-key-file.",
    ),
    (API_KEY_FILE, "FILE", "Read the API key from a file, or from stdin with -."),
    (CA_FILE, "FILE", "Trust the certificates of this authority instead of the public ones."),
    (
        IDEMPOTENCY_KEY,
        "KEY",
        "Send a change under this key: one that was sent under it before is not made twice.",
    ),
)
_SWITCHES: Final = (
    (INSECURE_HTTP, "Allow http to another machine: whoever is in between can take the key."),
    (LOCAL, "Work on the database here, whatever the variables say."),
)


def remote_options(taken: Sequence[str] = (), *, hidden: bool = False) -> list[click.Parameter]:
    """Give the options that say where a command runs, without those whose spelling is taken."""
    valued = [
        click.Option(
            [f"--{name.replace('_', '-')}", f"_remote_{name}"],
            metavar=metavar,
            expose_value=False,
            callback=_remember,
            hidden=hidden,
            help=text,
        )
        for name, metavar, text in _WHERE
    ]
    switches = [
        click.Option(
            [f"--{name.replace('_', '-')}", f"_remote_{name}"],
            is_flag=True,
            expose_value=False,
            callback=_remember,
            hidden=hidden,
            help=text,
        )
        for name, text in _SWITCHES
    ]
    return [one for one in (*valued, *switches) if not set(one.opts) & set(taken)]


def given_options(context: click.Context) -> dict[str, str]:
    """Give what the options of the program and of the command were given; a switch gives ``1``."""
    given: dict[str, str] = context.meta.setdefault(REMOTE_META, {})
    return given


def is_remote_wanted(context: click.Context) -> bool:
    """Tell whether the running command is for a server elsewhere."""
    given = given_options(context)
    if LOCAL in given:
        return False
    return URL in given or PROFILE in given or any(map(variable, (URL_VARIABLE, PROFILE_VARIABLE)))


def variable(name: str) -> str | None:
    """Give a variable of this process; None if it is not set or empty."""
    return os.environ.get(name, "").strip() or None


def _remember(context: click.Context, parameter: click.Parameter, value: str | bool | None) -> None:  # noqa: FBT001
    if value:
        name = (parameter.name or "").removeprefix("_remote_")
        given_options(context)[name] = "1" if value is True else str(value)
