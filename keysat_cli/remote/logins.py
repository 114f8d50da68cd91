"""The file of logins: servers by name, each with its address and key, for its owner's eyes alone.

It is TOML: a table for each name. ``KEYSAT_CONFIG`` names another file than
``~/.config/keysat/profiles.toml``.
"""

import json
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from keysat_cli.place import variable
from keysat_core.domain.secret import Secret
from keysat_core.errors import ConfigurationError

SETTING: Final = "KEYSAT_CONFIG"
FILE_BYTES_MAX: Final = 1_000_000
"""Room for thousands of logins; a larger file is something else."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_OPEN_TO_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """One server."""

    url: str
    key: Secret = field(repr=False)
    insecure_http: bool = False
    ca_file: str | None = None


def logins_path() -> Path:
    """Say where the file is, or would be."""
    named = variable(SETTING)
    if named is not None:
        return Path(named).expanduser()
    folder = variable("XDG_CONFIG_HOME")
    home = Path(folder) if folder and Path(folder).is_absolute() else Path.home() / ".config"
    return home / "keysat" / "profiles.toml"


def checked_name(text: str) -> str:
    """Check the name of a login.

    Raises:
        ConfigurationError: it is none.
    """
    if _NAME.fullmatch(text) is None:
        raise ConfigurationError(
            "name", "must be lower-case letters, digits, dots and dashes, such as shop or shop-2"
        )
    return text


def find_login(path: Path, name: str) -> Login:
    """Give the login of a name.

    Raises:
        ConfigurationError: the file is unsafe, unreadable, or has no such name.
    """
    found = read_logins(path).get(name)
    if found is None:
        raise ConfigurationError(
            name, f"is no login in {path}; see: keysat logins, make one: keysat login"
        )
    return found


def read_logins(path: Path) -> dict[str, Login]:
    """Read all logins; none if there is no file.

    Raises:
        ConfigurationError: it is another's, open to others, or unreadable. No key is quoted.
    """
    try:
        with path.open("rb") as file:
            _refuse_unsafe(path, os.fstat(file.fileno()))
            text = file.read(FILE_BYTES_MAX).decode()
        tables = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise ConfigurationError(str(path), f"cannot be read: {exc.strerror}") from exc
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        # The cause may quote the line with the key.
        raise ConfigurationError(str(path), "is not TOML; mend it or move it away") from None
    return {name: _login(path, name, table) for name, table in tables.items()}


def put_login(path: Path, name: str, login: Login) -> None:
    """Keep a login under a name, in the place of another of that name.

    Raises:
        ConfigurationError: the file is unsafe, or cannot be written.
    """
    _write(path, read_logins(path) | {name: login})


def remove_login(path: Path, name: str) -> bool:
    """Forget a login; tell whether there was one.

    Raises:
        ConfigurationError: the file is unsafe, or cannot be written.
    """
    known = read_logins(path)
    if known.pop(name, None) is None:
        return False
    _write(path, known)
    return True


def _refuse_unsafe(path: Path, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise ConfigurationError(str(path), "is not a file")
    if facts.st_uid != os.getuid():
        raise ConfigurationError(str(path), "belongs to another user; the keys in it are not yours")
    if facts.st_mode & _OPEN_TO_OTHERS:
        raise ConfigurationError(
            str(path), f"holds keys and is open to others; close it: chmod 600 {path}"
        )


def _login(path: Path, name: str, table: Any) -> Login:
    wanted = {"url": str, "api_key": str, "insecure_http": bool, "ca_file": str}
    known = table if isinstance(table, dict) else {}
    is_whole = {"url", "api_key"} <= known.keys()
    if not is_whole or any(not isinstance(known.get(k, t()), t) for k, t in wanted.items()):
        raise ConfigurationError(
            str(path), f"[{name}] must have url and api_key; make it anew with: keysat login"
        )
    return Login(
        url=known["url"],
        key=Secret(known["api_key"]),
        insecure_http=known.get("insecure_http", False),
        ca_file=known.get("ca_file"),
    )


def _write(path: Path, logins: Mapping[str, Login]) -> None:
    """Write the whole file beside itself and rename it, so that it is never half there or open."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes files of mode 0600.
        number, name = tempfile.mkstemp(prefix=".profiles-", dir=path.parent)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(_spelled(logins))
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise ConfigurationError(str(path), f"cannot be written: {exc.strerror}") from exc


def _spelled(logins: Mapping[str, Login]) -> str:
    lines = ["# Servers that the keysat command knows. The keys in here open them.\n"]
    for name, login in sorted(logins.items()):
        # A JSON string of ASCII is a TOML string too.
        lines += [f'\n["{name}"]\nurl = {json.dumps(login.url)}\n']
        lines += [f"api_key = {json.dumps(login.key.reveal())}\n"]
        if login.insecure_http:
            lines.append("insecure_http = true\n")
        if login.ca_file:
            lines.append(f"ca_file = {json.dumps(login.ca_file)}\n")
    return "".join(lines)
