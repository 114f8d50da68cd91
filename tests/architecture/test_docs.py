"""What the program offers is in the documentation."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import msgspec
import pytest

from keysat_cli.main import cli
from keysat_core.domain.events import DomainEvent
from keysat_http.errors import RULES
from tests.support.tree import ROOT

REFERENCE = ROOT / "docs" / "reference"
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_every_variable_the_program_reads_is_in_the_settings_reference() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "keysat_cli").rglob("*.py")
    )
    read = set(re.findall(r'"(KEYSAT_[A-Z_]+)"', sources))
    assert len(read) > 10
    assert [name for name in sorted(read) if f"`{name}`" not in page("settings.md")] == []


def test_every_variable_of_the_example_file_is_in_the_settings_reference() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    listed = re.findall(r"^#?\s?([A-Z_]+)=", example, flags=re.MULTILINE)
    assert len(listed) > 10
    assert [name for name in listed if f"`{name}`" not in page("settings.md")] == []


def test_every_route_is_in_the_routes_reference() -> None:
    document = msgspec.json.decode((ROOT / "schema" / "openapi.json").read_bytes())
    assert [path for path in document["paths"] if f"| `{path}` |" not in page("routes.md")] == []


def test_every_error_code_is_in_the_errors_reference() -> None:
    assert [leaf.code for leaf in RULES if f"| `{leaf.code}` |" not in page("errors.md")] == []


def test_every_event_is_in_the_events_reference() -> None:
    events = [kind.event_type for kind in get_args(DomainEvent)]
    assert [name for name in events if f"| `{name}` |" not in page("events.md")] == []


def test_every_limit_is_in_the_limits_reference_with_its_reason() -> None:
    source = (ROOT / "keysat_core" / "limits.py").read_text(encoding="utf-8")
    names = re.findall(r"^([A-Z_]+) = ", source, flags=re.MULTILINE)
    assert len(names) > 30
    rows = {
        cells[1].strip(" `"): cells[3].strip()
        for line in page("limits.md").splitlines()
        if len(cells := line.split("|")) == 5
    }
    assert [name for name in names if not rows.get(name)] == []


def commands(command: click.Command, words: list[str]) -> Iterator[str]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, [*words, name])
    elif not command.hidden:
        yield " ".join(words)


def test_every_command_is_in_the_command_reference() -> None:
    known = page("cli.md")
    listed = list(commands(cli, ["keysat"]))
    assert len(listed) > 30
    assert [words for words in listed if f"| `{words}" not in known] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_the_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
