"""The server a command is for: its address and the key, wherever each is kept."""

import ssl
import sys
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from keysat_cli import place
from keysat_cli.remote.logins import Login, find_login, logins_path
from keysat_core.domain.secret import Secret
from keysat_core.errors import ConfigurationError

KEY_CHARS_MAX: Final = 512
"""Longer than any key, master keys included."""

_PORTS: Final = {"http": 80, "https": 443}
"""Where a server is that names no port. There are no other schemes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A server and what opens it. ``url`` has no slash at its end."""

    url: str
    key: Secret = field(repr=False)
    ca_file: str | None = None


def find_target(context: click.Context) -> Target:
    """Read where the running command goes.

    An option wins over a variable; an address never gets the key of another.

    Raises:
        click.UsageError: the options contradict each other, or no key was given.
        ConfigurationError: the file of logins is unsafe or has no such name.
    """
    given = place.given_options(context)
    url, name = _place(given)
    login = find_login(logins_path(), name) if name is not None else None
    key = _given_key(given) or _kept_key(given, login)
    address = login.url if login else url or ""
    is_insecure = place.INSECURE_HTTP in given or (login is not None and login.insecure_http)
    return Target(
        url=checked_url(address, is_insecure_allowed=is_insecure),
        key=key,
        ca_file=checked_ca_file(given.get(place.CA_FILE) or (login.ca_file if login else None)),
    )


def checked_url(text: str, *, is_insecure_allowed: bool) -> str:
    """Check an address a key may be sent to; give it without a slash at its end.

    Raises:
        click.UsageError: it is no such address, or it would carry the key in the clear.
    """
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in _PORTS or not host or parts.query or parts.fragment:
        raise click.UsageError(
            f"{_without_user(text)!r} is no address of a server, such as https://licenses.example.com"
        )
    if parts.username is not None or parts.password is not None:
        raise click.UsageError("the address must not hold a user or password; give an API key")
    if parts.scheme == "http" and not (is_insecure_allowed or is_private_path(host)):
        raise click.UsageError(
            f"http to {host} would show the key to whoever is in between; use https,"
            " or allow it with --insecure-http"
        )
    return text.strip().rstrip("/")


def checked_ca_file(text: str | None) -> str | None:
    """Check a file with the certificates of an authority; give where it is, whatever the folder.

    Raises:
        ConfigurationError: it cannot be read, or holds none.
    """
    if text is None:
        return None
    path = Path(text).expanduser().absolute()
    try:
        ssl.create_default_context(cafile=str(path))
    except OSError as exc:
        # An SSLError is one too; it says why in its own words.
        why = exc.strerror or "it holds no certificate"
        raise ConfigurationError("--ca-file", f"{path} cannot be used: {why}") from exc
    return str(path)


def is_private_path(host: str) -> bool:
    """Tell whether nobody is in between: this machine itself, or Tor, which encrypts by itself."""
    if host == "localhost" or host.endswith((".localhost", ".onion")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_key(file_name: str) -> Secret:
    """Read a key from the first line of a file, or of stdin if it is ``-``.

    Raises:
        ConfigurationError: the file cannot be read.
        click.UsageError: there is no key in it.
    """
    try:
        if file_name == "-":
            line = sys.stdin.readline(KEY_CHARS_MAX + 1)
        else:
            with Path(file_name).expanduser().open(encoding="utf-8") as file:
                line = file.readline(KEY_CHARS_MAX + 1)
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not text"
        raise ConfigurationError("--api-key-file", f"{file_name} cannot be read: {why}") from None
    return checked_key(line)


def checked_key(text: str) -> Secret:
    """Check that a text can be a key.

    Raises:
        click.UsageError: it cannot; the text is not quoted.
    """
    key = text.strip()
    if not key:
        raise click.UsageError("the API key is empty")
    if len(key) > KEY_CHARS_MAX or not (key.isascii() and key.isprintable()) or " " in key:
        raise click.UsageError("the API key is not one: it has a space, or is too long")
    return Secret(key)


def variable_key(given: dict[str, str]) -> Secret | None:
    """Read the key from its variable; None if there is none.

    Both variables together are one server and its key. An option that names another server leaves
    that key out: whoever is there would get it.

    Raises:
        click.UsageError: it is no key, or it is the key of another server.
    """
    text = place.variable(place.API_KEY_VARIABLE)
    if text is None:
        return None
    url, own_url = given.get(place.URL), place.variable(place.URL_VARIABLE)
    if url is not None and own_url is not None and _origin(url) != _origin(own_url):
        raise click.UsageError(
            f"{place.API_KEY_VARIABLE} is the key of the server in {place.URL_VARIABLE}, and --url"
            " names another: give that one's key with --api-key-file (- reads it from stdin), keep"
            f" it with keysat login --api-key-file and use --profile, or unset {place.URL_VARIABLE}"
        )
    return checked_key(text)


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Take what a key belongs to out of an address; None if it is no address."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return parts.scheme, (parts.hostname or "").rstrip("."), port


def _place(given: dict[str, str]) -> tuple[str | None, str | None]:
    url, name = given.get(place.URL), given.get(place.PROFILE)
    if url is None and name is None:
        url = place.variable(place.URL_VARIABLE)
        name = place.variable(place.PROFILE_VARIABLE)
    if url is not None and name is not None:
        raise click.UsageError("choose one of an address and the name of a login")
    return url, name


def _given_key(given: dict[str, str]) -> Secret | None:
    key, file_name = given.get(place.API_KEY), given.get(place.API_KEY_FILE)
    if key is not None and file_name is not None:
        raise click.UsageError("choose one of --api-key and --api-key-file")
    if file_name is not None:
        return read_key(file_name)
    return None if key is None else checked_key(key)


def _kept_key(given: dict[str, str], login: Login | None) -> Secret:
    if login is not None:
        return login.key
    key = variable_key(given)
    if key is None:
        raise click.UsageError(
            "this address needs an API key: set KEYSAT_API_KEY, give --api-key-file,"
            " or keep both with keysat login"
        )
    return key


def _without_user(text: str) -> str:
    """Leave out what stands before an ``@``, which may be a password."""
    return text.rpartition("@")[2]
