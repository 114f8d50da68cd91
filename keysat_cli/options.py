"""Options and arguments that several commands share, and how their text is read."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import click
import msgspec

from keysat_cli.output import DRY_RUN_META, is_dry_run
from keysat_core.domain.document import JSONValue
from keysat_core.domain.instant import Instant, parse_rfc3339
from keysat_core.domain.money import Currency
from keysat_core.limits import BODY_BYTES_MAX

_C = TypeVar("_C", bound=Callable[..., Any])

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"([0-9]{1,12})([smhdw]?)")


class PolicyAddress(NamedTuple):
    """A policy as operators name it."""

    product_slug: str
    slug: str


class Duration(click.ParamType[int]):
    """Seconds, or a number with a unit: ``90s 15m 12h 365d 52w``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the text."""
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is no duration such as 3600, 12h or 365d", param, ctx)
        return int(match[1]) * _UNITS[match[2]]


class DatabaseFile(click.ParamType[Path]):
    """The path of a database, which no folder is."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Read the text. An empty one, an unset variable in a script, names nothing."""
        if not str(value):
            self.fail("it must not be empty", param, ctx)
        path = Path(value)
        if os.path.isdir(path):  # noqa: PTH112  unlike Path.is_dir it raises nothing
            self.fail(f"{path} is a folder", param, ctx)
        return path


class JSONText(click.ParamType[JSONValue]):
    """A JSON document: the text itself, or ``@FILE``."""

    name = "json|@file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> JSONValue:
        """Read the text or the file."""
        if not isinstance(value, str):
            return value
        try:
            text = Path(value[1:]).read_text(encoding="utf-8") if value[:1] == "@" else value
            return msgspec.json.decode(text)
        except OSError as exc:
            self.fail(f"{value[1:]} cannot be read: {exc.strerror}", param, ctx)
        except (msgspec.DecodeError, UnicodeError) as exc:
            self.fail(f"this is no JSON: {exc}", param, ctx)


class Moment(click.ParamType[Instant]):
    """An instant in RFC 3339."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Instant:
        """Read the text."""
        del ctx
        if isinstance(value, int):
            return Instant(value)
        return parse_rfc3339(str(value), field=param.opts[0] if param else "time")


class Address(click.ParamType[PolicyAddress]):
    """A policy, written ``PRODUCT/POLICY``."""

    name = "product/policy"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> PolicyAddress:
        """Read the text."""
        if isinstance(value, PolicyAddress):
            return value
        product_slug, slash, slug = str(value).partition("/")
        if not (product_slug and slash and slug):
            self.fail(f"{value!r} is not of the form PRODUCT/POLICY", param, ctx)
        return PolicyAddress(product_slug, slug)


DURATION: Final = Duration()
DATABASE_FILE: Final = DatabaseFile()
JSON_TEXT: Final = JSONText()
MOMENT: Final = Moment()
ADDRESS: Final = Address()
CURRENCY: Final = click.Choice([str(currency) for currency in Currency], case_sensitive=False)


def yes_option(command: _C) -> _C:
    """Add ``--yes``."""
    return click.option("--yes", "-y", "is_yes", is_flag=True, help="Do not ask, do it.")(command)


def dry_run_option(command: _C) -> _C:
    """Add ``--dry-run``: the command does its work, which is then undone."""
    return click.option(
        "--dry-run",
        is_flag=True,
        expose_value=False,
        callback=_remember_dry_run,
        help="Do it, show what came of it, and undo it.",
    )(command)


def _remember_dry_run(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001
    context.meta[DRY_RUN_META] = value


def force_option(what: str) -> Callable[[_C], _C]:
    """Add ``--force``, saying what it also deletes."""
    return click.option("--force", "is_forced", is_flag=True, help=f"Delete {what} too.")


def policy_argument(command: _C) -> _C:
    """Take a policy, written ``PRODUCT/POLICY``."""
    return click.argument("address", type=ADDRESS, metavar="PRODUCT/POLICY")(command)


def page_options(default: int) -> Callable[[_C], _C]:
    """Add ``--limit`` and ``--offset``."""

    def add(command: _C) -> _C:
        limit = click.option(
            "--limit", type=int, default=default, show_default=True, help="How many at most."
        )
        offset = click.option("--offset", type=int, default=0, help="Leave out this many.")
        return limit(offset(command))

    return add


def confirm(question: str, *, is_yes: bool) -> None:
    """Ask before something that cannot be undone, unless it is only a dry run.

    Raises:
        click.UsageError: nobody is there to answer.
        click.Abort: the answer was no.
    """
    if is_yes or is_dry_run():
        return
    if not sys.stdin.isatty():
        raise click.UsageError("this asks for confirmation and there is no terminal; add --yes")
    click.confirm(question, abort=True, err=True)


def read_argument_or_stdin(text: str) -> str:
    """Give the text, or what stdin holds if the text is ``-``."""
    if text != "-":
        return text
    return sys.stdin.read(BODY_BYTES_MAX)
