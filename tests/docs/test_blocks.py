"""Every block of every page is run, or is read by somebody who knows its language."""

import configparser
import csv
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import jsonschema_rs
import msgspec
import pytest

from keysat_cli.env_file import parse_env
from tests.support.docs.command_lines import calls, logical_lines, problem_with
from tests.support.docs.facts import VARIABLE, is_route, variables
from tests.support.docs.pages import Block, Page, every_block, every_page
from tests.support.docs.runners import CHECKED_HERE, RUN_HERE, RUNNERS
from tests.support.tree import ROOT

WORDS: Final = {"btcpay", "file", "prints", "run", "schema", "server", "shop"}
DIAGRAMS: Final = re.compile(
    r"(flowchart (LR|RL|TB|TD|BT)|sequenceDiagram|stateDiagram-v2|erDiagram|classDiagram)\n"
)
OPENS, CLOSES = "([{", ")]}"


def blocks(*languages: str) -> list[Any]:
    found = [one for one in every_block() if one.language in languages]
    return [pytest.param(one, id=one.place) for one in found]


@pytest.mark.parametrize("page", every_page(), ids=lambda page: page.name)
def test_no_block_is_made_by_indenting(page: Page) -> None:
    """It would have no language."""
    assert re.findall(r"\n\n {4}\S.*", page.prose) == []


FILED: Final = [
    pytest.param(one, id=one.place)
    for one in every_block()
    if one.remark is not None and one.remark.word == "file"
]


def test_every_block_names_its_language() -> None:
    """What has none is ``text`` if it is output, ``sh`` or ``console`` if somebody types it."""
    assert [one.place for one in every_block() if not one.language] == []


def test_every_block_has_a_runner() -> None:
    alone = [
        f"{one.place}: {one.language}"
        for one in every_block()
        if one.language not in {*CHECKED_HERE, RUN_HERE}
        and (one.page.name, one.language) not in RUNNERS
        and (one.remark is None or one.remark.word != "file")
    ]
    assert alone == []


def test_every_runner_is_there_and_names_its_page() -> None:
    shown = {(one.page.name, one.language) for one in every_block()}
    assert [row for row in RUNNERS if row not in shown] == []
    silent = [
        (page, test)
        for (page, _), test in RUNNERS.items()
        if page.rsplit("/", 1)[-1] not in (ROOT / test).read_text(encoding="utf-8")
    ]
    assert silent == []


@pytest.mark.parametrize("page", every_page(), ids=lambda page: page.name)
def test_every_remark_to_the_tests_is_understood_and_belongs_to_a_block(page: Page) -> None:
    assert [one.line for one in page.remarks if one.word not in WORDS] == []
    bound = [one for one in page.remarks if one.word in {"file", "prints", "schema"}]
    taken = {one.remark.line for one in page.blocks if one.remark is not None}
    assert [one.line for one in bound if one.line not in taken] == []
    assert len(re.findall(r"^ *<!--\s*docs\b", page.text, re.MULTILINE)) == len(page.remarks)


def wrong_calls(block: Block) -> Iterator[str]:
    for number, line in logical_lines(block.text):
        for words in calls(line.removeprefix("$ ")):
            if problem := problem_with(words):
                yield f"{block.page.name}:{block.line + 1 + number}: {problem}"


@pytest.mark.parametrize("block", blocks("console", "sh"))
def test_what_somebody_types_is_what_the_program_takes(block: Block) -> None:
    assert list(wrong_calls(block)) == []
    assert not re.search(r"^\$ ", block.text, re.MULTILINE), "output is a block of its own"


@pytest.mark.parametrize("block", FILED)
def test_a_block_that_shows_a_file_is_of_that_file(block: Block) -> None:
    assert block.remark is not None
    text = (ROOT / block.remark.rest).read_text(encoding="utf-8")
    assert block.text in text, f"{block.place} is not, line by line, in {block.remark.rest}"


def check_json(block: Block) -> None:
    document = json.loads(block.text)
    if block.remark is not None and block.remark.word == "schema":
        openapi = msgspec.json.decode((ROOT / "schema" / "openapi.json").read_bytes())
        schema = openapi | {"$ref": f"#/components/schemas/{block.remark.rest}"}
        jsonschema_rs.validate(schema, document)


def check_env(block: Block) -> None:
    named = parse_env(block.text)
    assert named
    ours = {name for name in named if VARIABLE.fullmatch(name)}
    assert ours - variables() == set()


def check_http(block: Block) -> None:
    """A request or an answer: one line, headers, and after an empty line the body."""
    head, _, body = block.text.strip().partition("\n\n")
    first, *headers = head.splitlines()
    request = re.fullmatch(r"(GET|POST|PUT|PATCH|DELETE) (/\S*)( HTTP/1\.1)?", first)
    assert request or re.fullmatch(r"HTTP/1\.1 \d{3}( .*)?", first), first
    if request and request[2].startswith(("/v1/", "/admin/")):
        assert is_route(request[1], request[2])
    assert [line for line in headers if not re.fullmatch(r"[\w-]+: .+", line)] == []
    if body.startswith(("{", "[")):
        json.loads(body)


def check_ini(block: Block) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(block.text)
    assert parser.sections()


def check_braces(block: Block) -> None:
    """Configuration of proxies, and pieces of templates: what opens closes, in order."""
    waiting: list[str] = []
    for sign in re.sub(r"#.*|\"[^\"\n]*\"", "", block.text):
        if sign in OPENS:
            waiting.append(CLOSES[OPENS.index(sign)])
        elif sign in CLOSES:
            assert sign == (waiting.pop() if waiting else None), block.place
    assert waiting == []


def check_html(block: Block) -> None:
    check_braces(block)
    for method, path in re.findall(r'data-api="([A-Z]+) ([^"]+)"', block.text):
        assert is_route(method, re.sub(r"\{\{.*?\}\}", "x", path)), path


def check_mermaid(block: Block) -> None:
    assert DIAGRAMS.match(block.text), "this is no diagram that is known here"
    check_braces(replace(block, text=re.sub(r" [|}o]{2}--[|{o]{2} ", " -- ", block.text)))
    depth = 0
    for line in block.text.splitlines():
        word = line.strip().split(" ")[0]
        depth += word in {"subgraph", "alt", "opt", "loop", "par"}
        depth -= word == "end"
        assert depth >= 0
    assert depth == 0, "a group is not ended"


def check_shown_file(block: Block) -> None:
    assert block.remark is not None, "show a file of packaging/: <!-- docs: file PATH -->"
    assert block.remark.word == "file"


def check_text(block: Block) -> None:
    assert block.text.strip()


CHECKS: Final[Mapping[str, Callable[[Block], object]]] = {
    "caddy": check_shown_file,
    "console": check_text,
    "csv": lambda block: next(iter(csv.DictReader(block.text.splitlines(), strict=True))),
    "dockerfile": check_shown_file,
    "env": check_env,
    "html": check_html,
    "http": check_http,
    "ini": check_ini,
    "json": check_json,
    "mermaid": check_mermaid,
    "nginx": check_shown_file,
    "text": check_text,
    "toml": lambda block: tomllib.loads(block.text),
    "yaml": lambda block: msgspec.yaml.decode(block.text),
}


@pytest.mark.parametrize("block", blocks(*CHECKS))
def test_every_block_can_be_read(block: Block) -> None:
    assert set(CHECKS) == CHECKED_HERE
    CHECKS[block.language](block)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("json", '{"a": …}'),
        ("env", "KEYSAT_NOTHING=1"),
        ("http", "POST /v1/validat\n\n{}"),
        ("mermaid", "flowchart LR\n  subgraph a\n  b --> c"),
        ("ini", "no section"),
        ("html", "<p>{{ name }</p>"),
        ("toml", "a = "),
        ("nginx", "server {}"),
    ],
)
def test_a_block_that_is_wrong_is_seen(language: str, text: str) -> None:
    page = Page(name="docs/x.md", text="")
    block = Block(page=page, line=1, language=language, text=text, remark=None)
    with pytest.raises(Exception):  # noqa: B017, PT011  each language has its own
        CHECKS[language](block)


@pytest.mark.parametrize(
    "line",
    [
        "keysat license isue app",
        "keysat license issue app --byer ada@example.com",
        "sudo -u keysat keysat doctor --fast",
        "keysat license issue",
        "key=$(keysat license kee 1)",
        "make demoo",
        "python -m tests.simulators.nobody",
        "docker compose exec keysat keysat bakcup",
    ],
)
def test_a_command_that_does_not_exist_is_seen(line: str) -> None:
    page = Page(name="docs/x.md", text="")
    block = Block(page=page, line=1, language="console", text=f"{line}\n", remark=None)
    assert len(list(wrong_calls(block))) >= 1
