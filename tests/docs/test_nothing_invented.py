"""Pages speak of nothing that the program does not have: commands, options, settings, routes, names."""

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Final, get_args

import pytest

from keysat_cli.main import cli
from keysat_core.domain.actor import Scope
from keysat_core.domain.events import DomainEvent
from keysat_http.errors import RULES
from tests.support.docs.command_lines import problem_with_keysat
from tests.support.docs.facts import (
    VARIABLE,
    commands,
    is_route,
    metrics,
    options,
    options_of_tests,
    options_with_values,
    string_constants,
    variables,
    variables_of_tests,
)
from tests.support.docs.pages import Page, every_page, living_pages
from tests.support.tree import PACKAGES

LIVING = pytest.mark.parametrize("page", living_pages(), ids=lambda page: page.name)
EVERY = pytest.mark.parametrize("page", every_page(), ids=lambda page: page.name)

METHODS: Final = "GET|HEAD|OPTIONS|POST|PUT|PATCH|DELETE"
ROUTE: Final = re.compile(rf"(?:(?:{METHODS})(?:, | or |/| and )?)+ (/[^\s`,;)]*)")
DOTTED: Final = re.compile(r"[a-z]+(?:_[a-z]+)*\.[a-z]+(?:_[a-z]+)*")
CODE: Final = re.compile(r"\b[45]\d\d `([a-z]+(?:_[a-z]+)*)`")
METRIC: Final = re.compile(r"\bkeysat_[a-z_]+[a-z]\b")
HEADER: Final = re.compile(r"\b[Xx]-(?:[Kk]eysat|CSRF)[\w-]*|Idempotent-\w+")
SCOPE: Final = re.compile(r"[a-z_]+:(?:read|write)")
OPTION: Final = re.compile(r"--[a-z][a-z-]+")

MESSAGES: Final = {"keysat:read"}
"""What parts of a screen say to each other, spelled as scopes are."""

SUFFIXES: Final = ("_count", "_sum", "_total")


def found_on(
    page: Page, pattern: re.Pattern[str], text: str | None = None
) -> Iterator[tuple[int, str]]:
    """Give what a pattern finds on a page, each with its line."""
    source = page.text if text is None else text
    for found in pattern.finditer(source):
        yield source.count("\n", 0, found.start()) + 1, found[found.re.groups and 1]


def shown(page: Page, found: Iterator[tuple[int, str]]) -> list[str]:
    return [f"{page.name}:{line}: {text}" for line, text in found]


@EVERY
def test_every_variable_a_page_names_is_read_by_the_program_or_the_tests(page: Page) -> None:
    known = variables() | variables_of_tests()
    assert shown(page, ((n, t) for n, t in found_on(page, VARIABLE) if t not in known)) == []


@LIVING
def test_every_command_in_the_text_is_one(page: Page) -> None:
    """Words may be missing at the end, as in ``keysat code create``; none may be wrong."""
    if page.name == "docs/reference/cli.md":
        return  # It is made from the commands, and shows what is to be filled in.
    wrong = [
        f"{page.name}:{line}: {text}: {problem}"
        for line, text in page.code_spans
        if text.startswith("keysat ")
        for words in spelled_out(text)
        if (problem := problem_with_keysat(words, is_whole=False))
    ]
    assert wrong == []


def spelled_out(text: str) -> list[list[str]]:
    """Give the words behind ``keysat``, once for each choice of ``a|b``, without redirections."""
    words = re.split(r" [<>|&]+ ?", text)[0].replace("…", "").split()[1:]
    if not words or words[0].isupper():
        return []
    if words[-1].startswith("--") and words[-1] in options_with_values():
        words.append("VALUE")
    return [list(choice) for choice in product(*(word.split("|") for word in words))]


@LIVING
def test_every_option_in_the_text_is_one_of_some_command(page: Page) -> None:
    known = {
        spelling
        for _, one in commands()
        for o in options(one)
        for spelling in (*o.opts, *o.secondary_opts)
    }
    known |= {spelling for one in cli.params for spelling in one.opts} | {"--help"}
    named = [
        (line, option)
        for line, text in page.code_spans
        if text.startswith("--")
        for option in OPTION.findall(text)
    ]
    known |= options_of_tests()
    assert shown(page, ((line, one) for line, one in named if one not in known)) == []


@LIVING
def test_every_route_in_the_text_is_one(page: Page) -> None:
    wrong = [
        f"{page.name}:{line}: {text}"
        for line, text in page.code_spans
        for found in ROUTE.finditer(text)
        for method in re.findall(METHODS, text[: found.start(1)])
        if method not in {"HEAD", "OPTIONS"} and not is_route(method, found[1])
    ]
    assert wrong == []


@LIVING
def test_every_event_and_audited_action_in_the_text_is_one(page: Page) -> None:
    known = string_constants()
    nouns = {kind.event_type.partition(".")[0] for kind in get_args(DomainEvent)} | {"web_ui"}
    named = (
        (line, text)
        for line, text in page.code_spans
        if DOTTED.fullmatch(text) and text.partition(".")[0] in nouns
    )
    assert shown(page, ((line, text) for line, text in named if text not in known)) == []


@LIVING
def test_every_code_beside_a_status_is_one_that_is_answered(page: Page) -> None:
    known = {leaf.code for leaf in RULES} | {rule.error for rule in RULES.values()}
    known |= {text for text in string_constants() if re.fullmatch(r"[a-z_]+", text)}
    assert shown(page, ((n, t) for n, t in found_on(page, CODE) if t not in known)) == []


@LIVING
def test_every_metric_in_the_text_is_one(page: Page) -> None:
    known = {name + end for name in metrics() for end in ("", *SUFFIXES)} | set(PACKAGES)
    named = ((line, one) for line, text in page.code_spans for one in METRIC.findall(text))
    beginnings = ("keysat_session",)  # the cookie
    wrong = (
        (line, one)
        for line, one in named
        if one not in known and not one.startswith(beginnings) and not is_begun(one, known)
    )
    assert shown(page, wrong) == []


def is_begun(name: str, known: set[str]) -> bool:
    """Tell whether a name is the beginning of several, as in ``keysat_provider_…``."""
    return sum(one.startswith(f"{name}_") for one in known) > 1


@EVERY
def test_every_header_of_ours_that_a_page_names_is_sent_or_read(page: Page) -> None:
    known = {text.lower() for text in string_constants()}
    assert shown(page, ((n, t) for n, t in found_on(page, HEADER) if t.lower() not in known)) == []


@EVERY
def test_every_scope_a_page_names_is_one(page: Page) -> None:
    named = (
        (line, text)
        for line, text in page.code_spans
        if SCOPE.fullmatch(text) and text not in MESSAGES
    )
    assert shown(page, ((line, text) for line, text in named if text not in set(Scope))) == []


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (test_every_variable_a_page_names_is_read_by_the_program_or_the_tests, "`KEYSAT_NO`"),
        (test_every_command_in_the_text_is_one, "`keysat license isue`"),
        (test_every_command_in_the_text_is_one, "`keysat license list|liist`"),
        (test_every_command_in_the_text_is_one, "`keysat license list --al`"),
        (test_every_option_in_the_text_is_one_of_some_command, "with `--quickly`"),
        (test_every_route_in_the_text_is_one, "`POST /v1/validat`"),
        (test_every_route_in_the_text_is_one, "`DELETE /v1/admin/audit`"),
        (test_every_event_and_audited_action_in_the_text_is_one, "`license.isued`"),
        (test_every_code_beside_a_status_is_one_that_is_answered, "402 `no_money_here`"),
        (test_every_metric_in_the_text_is_one, "`keysat_sales_total`"),
        (test_every_header_of_ours_that_a_page_names_is_sent_or_read, "`X-Keysat-Signatur`"),
        (test_every_scope_a_page_names_is_one, "`licenses:delete` `license:read`"),
    ],
)
def test_what_is_invented_is_seen(check: Callable[[Page], None], text: str) -> None:
    with pytest.raises(AssertionError):
        check(Page(name="docs/x.md", text=f"# Title\n\nThere is {text}.\n"))
