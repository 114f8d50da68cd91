"""Reading a ``.env`` file: ``NAME=value`` lines with comments, quotes and ``export``.

Nothing is interpolated and nothing is guessed: a line that cannot be read is named and refused.
Its text is never quoted back, because it may hold a secret.
"""

import re
from pathlib import Path
from typing import Final

from keysat_core.errors import ConfigurationError

FILE_NAME: Final = ".env"
"""Looked for in the working directory. Source: admin-api 4."""

FILE_BYTES_MAX: Final = 65_536
"""A settings file is short; something larger under this name is something else."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTED: Final = re.compile(
    r"""(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)')(?P<rest>.*)""", re.DOTALL
)
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "$": "$"}


def read_env_file(path: Path) -> dict[str, str]:
    """Read a file; one that does not exist sets nothing.

    Raises:
        ConfigurationError: it cannot be read, or a line of it; the line is named.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise ConfigurationError(path.name, f"cannot be read: {exc.strerror}") from exc
    if len(raw) > FILE_BYTES_MAX:
        raise ConfigurationError(path.name, f"is longer than {FILE_BYTES_MAX} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(path.name, "is not UTF-8 text") from None
    return parse_env(text, name=path.name)


def parse_env(text: str, *, name: str = FILE_NAME) -> dict[str, str]:
    """Read the text of a file; a name that comes twice has its last value.

    Raises:
        ConfigurationError: a line cannot be read.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        key, equals, value = stripped.removeprefix("export ").partition("=")
        if not equals or _NAME.fullmatch(key.strip()) is None:
            raise ConfigurationError(f"{name} line {number}", "is not of the form NAME=value")
        found[key.strip()] = _value(value.strip(), where=f"{name} line {number}")
    return found


def _value(text: str, *, where: str) -> str:
    if text[:1] not in {'"', "'"}:
        return _COMMENT.sub("", text).strip()
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        raise ConfigurationError(where, "has a quote that is not closed on the same line")
    if _COMMENT.sub("", quoted["rest"]).strip():
        raise ConfigurationError(where, "has text after the closing quote")
    if quoted["single"] is not None:
        return quoted["single"]
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[0]), quoted["double"])
