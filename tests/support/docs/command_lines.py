"""Reading shell lines for what they call of ours, and judging them by the real command tree."""

import importlib.util
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

import click

from keysat_cli.main import cli
from tests.support.tree import ROOT

_ENDS: Final = re.compile(r"[;&|()]+")
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=")
_HEREDOC: Final = re.compile(r"<<-?\s*['\"]?(\w+)")
_COMMENT: Final = re.compile(r"""((?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^'"#\\]|(?<=\S)#)*)#""")
_TASK: Final = re.compile(r"^([a-z][a-z-]*)(?: [a-z-]+)*:(?:.*## |\s)", re.MULTILINE)
_NESTED: Final = re.compile(r"\$\(([^()]*)\)")
_WRAPPERS: Final = {
    "sudo",
    "env",
    "exec",
    "time",
    "nohup",
    "until",
    "while",
    "if",
    "!",
    "do",
    "then",
}
_CONTAINERS: Final = {"docker", "podman", "ctr", "start-cli"}


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Give a block's lines with continuations joined and here-documents left out, from line 0 on."""
    started, joined, ends = 0, "", ""
    for number, line in enumerate(text.splitlines()):
        if ends:
            ends = "" if line.strip() == ends else ends
            continue
        started = started if joined else number
        joined += line
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        if found := _HEREDOC.search(joined):
            ends = found[1]
        if joined.strip():
            yield started, joined
        joined = ""


def calls(line: str) -> Iterator[list[str]]:
    """Give the words of every simple command of a line, without what stands in front of it."""
    for nested in _NESTED.findall(line):
        yield from calls(nested)
    lexer = shlex.shlex(without_comment(line), posix=True, punctuation_chars=";&|()<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    for word in [*lexer, ";"]:
        if _ENDS.fullmatch(word):
            if found := _unwrapped(words):
                yield found
            words = []
        elif word not in {"{", "}"} or words:
            words.append(word)


def without_comment(line: str) -> str:
    """Cut off the comment; a ``#`` within quotes or a word begins none."""
    found = _COMMENT.match(line)
    return line if found is None else found[1]


def _unwrapped(words: Sequence[str]) -> list[str]:
    """Take away assignments, ``sudo -u NAME`` and the like, and redirections."""
    left = _without_redirections(words)
    while left:
        if _ASSIGNMENT.match(left[0]):
            left = left[1:]
        elif left[0] in _WRAPPERS:
            left = left[1:]
            while left and left[0].startswith("-"):
                left = left[2:] if left[0] in {"-u", "-g"} else left[1:]
        elif left[0] in _CONTAINERS and "exec" in left:
            left = left[left.index("exec") + 1 :]
            while left and left[0].startswith("-"):
                left = left[1:]
            left = left[1:]
        else:
            break
    return left


def _without_redirections(words: Sequence[str]) -> list[str]:
    kept: list[str] = []
    is_target = False
    for word in words:
        if is_target:
            is_target = False
        elif re.fullmatch(r"[<>]+", word):
            is_target = True
            if kept and kept[-1] in {"1", "2"}:
                kept.pop()
        else:
            kept.append(word)
    return kept


def problem_with(words: Sequence[str]) -> str | None:
    """Say what is wrong with a call of ``keysat``, ``make`` or a module of ours; None if nothing."""
    program = words[0].rsplit("/", 1)[-1]
    if program == "keysat":
        return problem_with_keysat(words[1:])
    if program == "make":
        return _problem_with_make(words[1:])
    if program.startswith("python") and "-m" in words[:-1]:
        module = words[words.index("-m") + 1]
        is_ours = module.split(".")[0] in {"tests", "keysat_cli", "keysat_core"}
        if is_ours and importlib.util.find_spec(module) is None:
            return f"there is no module {module}"
    return None


def problem_with_keysat(words: Sequence[str], *, is_whole: bool = True) -> str | None:
    """Say what the command line would refuse; ``is_whole``: nothing may be missing either."""
    command: click.Command = cli
    context = click.Context(cli, info_name="keysat")
    left = list(words)
    try:
        while isinstance(command, click.Group):
            _, left, _ = command.make_parser(context).parse_args(left)
            if not left:
                return "a command is missing" if is_whole and words not in _ENOUGH else None
            found = command.get_command(context, left[0])
            if found is None:
                return f"there is no command {left[0]!r}"
            context = click.Context(found, info_name=left[0], parent=context)
            command, left = found, left[1:]
        return _problem_with_parameters(command, context, left, is_whole=is_whole)
    except click.UsageError as exc:
        return exc.format_message()


_ENOUGH: Final = (["--version"], ["--help"], ["-h"])


def _problem_with_parameters(
    command: click.Command, context: click.Context, words: list[str], *, is_whole: bool
) -> str | None:
    if "--help" in words:
        return None
    given, left, _ = command.make_parser(context).parse_args(words)
    if left:
        return f"too many words: {left}"
    for parameter in command.params:
        value = given.get(parameter.name or "")
        is_missing = value is None or value == () or type(value).__name__ == "Sentinel"
        if is_missing and is_whole and parameter.required:
            return f"{parameter.get_error_hint(context)} is missing"
        if isinstance(parameter.type, click.Choice) and isinstance(value, str):
            parameter.type.convert(value, parameter, context)
    return None


@cache
def make_tasks() -> frozenset[str]:
    return frozenset(_TASK.findall((ROOT / "Makefile").read_text(encoding="utf-8")))


def _problem_with_make(words: Sequence[str]) -> str | None:
    if "-C" in words:
        return None
    wanted = [word for word in words if not _ASSIGNMENT.match(word) and not word.startswith("-")]
    unknown = [word for word in wanted if word not in make_tasks()]
    return f"the Makefile has no {unknown}" if unknown else None
