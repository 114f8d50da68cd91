"""What the program has, found in the program: variables, routes, options, metrics, headers, words."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

import click
from litestar.routes import HTTPRoute

from keysat_cli.environment import _LEGACY
from keysat_cli.main import cli
from keysat_core.domain.tallies import ShopTallies
from keysat_http.meters import Meters, Readings
from keysat_http.metrics import MetricsPage
from tests.support.shop import running_shop
from tests.support.tree import PACKAGES, ROOT, python_files

_TEXT: Final = re.compile(r"(?<!\")\"([^\"\n\\]+)\"(?!\")")
_SCRIPTS: Final = {"", ".mk", ".py", ".sh", ".ts"}
VARIABLE: Final = re.compile(r"(?:_?KEYSAT|LICENSING|BTCPAY)_[A-Z][A-Z_]*[A-Z]")


@cache
def string_constants() -> frozenset[str]:
    """Give every text on one line that the program's sources hold, but docstrings."""
    found: set[str] = set()
    for path in python_files(*PACKAGES):
        found.update(_TEXT.findall(path.read_text(encoding="utf-8")))
    return frozenset(found)


@cache
def variables() -> frozenset[str]:
    """Give the environment variables that the program reads, older names too."""
    named = {text for text in string_constants() if VARIABLE.fullmatch(text)}
    return frozenset(named | set(_LEGACY.values()))


@cache
def variables_of_others() -> frozenset[str]:
    """Give the variables without a prefix of ours that the program reads from its environment."""
    found: set[str] = set()
    for path in python_files(*PACKAGES):
        found |= set(
            re.findall(
                r"(?:environ(?:\.get\(|\[)|getenv\()\"([A-Z][A-Z_]+)\"",
                path.read_text(encoding="utf-8"),
            )
        )
    return frozenset(name for name in found if VARIABLE.fullmatch(name) is None)


@cache
def routes() -> frozenset[tuple[str, str]]:
    """Give every route of a server as method and path, pages and screens too."""
    with running_shop() as shop:
        return frozenset(
            (method, route.path_format)
            for route in shop.app.litestar.routes
            if isinstance(route, HTTPRoute)
            for method in route.route_handler_map
            if method != "OPTIONS"
        )


def is_route(method: str, path: str) -> bool:
    """Tell whether a path of a page, whose parts may be spelled out or in braces, is a route."""
    words = path.partition("?")[0].split("/")
    return any(have == method and _fits(words, template.split("/")) for have, template in routes())


def _fits(words: list[str], template: list[str]) -> bool:
    return len(words) == len(template) and all(
        word == part or (part.startswith("{") and word != "")
        for word, part in zip(words, template, strict=True)
    )


@cache
def metrics() -> frozenset[str]:
    """Give the names of the metrics of a server, as they are scraped."""
    tallies = ShopTallies(
        invoices={},
        licenses={},
        subscriptions={},
        deliveries={},
        receipts_waiting=0,
        events=0,
        api_keys=0,
        sessions=0,
    )
    text = MetricsPage(Meters(), lambda: Readings(tallies=tallies)).text().decode()
    return frozenset(re.findall(r"^# TYPE (\S+)", text, flags=re.MULTILINE))


def commands(
    command: click.Command = cli, words: tuple[str, ...] = ("keysat",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Give every command that is not hidden, with the words that call it."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, (*words, name))
    elif not command.hidden:
        yield words, command


def options(command: click.Command) -> list[click.Option]:
    return [one for one in command.params if isinstance(one, click.Option) and not one.hidden]


@cache
def options_with_values() -> frozenset[str]:
    """Give the options that take a value in every command that has them."""
    flags, valued = set[str](), set[str]()
    for _, command in commands():
        for option in options(command):
            (flags if option.is_flag else valued).update(option.opts)
    return frozenset(valued - flags)


@cache
def options_of_tests() -> frozenset[str]:
    """Give the options of the programs under ``tests``: simulators, benchmarks."""
    found: set[str] = set()
    for path in python_files("tests"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"(?:add_argument|click\.option)\(\s*\"(--[a-z-]+)", text))
    return frozenset(found)


@cache
def variables_of_tests() -> frozenset[str]:
    """Give the variables that turn on tests against real services, and those of packaging."""
    found: set[str] = set()
    for path in [ROOT / "Makefile", *(ROOT / "packaging").rglob("*")]:
        if path.is_file() and path.suffix in _SCRIPTS and "node_modules" not in path.parts:
            found |= set(VARIABLE.findall(path.read_text(encoding="utf-8")))
    for path in python_files("tests"):
        found |= set(re.findall(r"\"(KEYSAT_LIVE_[A-Z_]+)\"", path.read_text(encoding="utf-8")))
    return frozenset(found)
