"""What the program offers is in the documentation."""

import re
from typing import Any, Final, get_args

import msgspec

from keysat_cli.checkup.checks import CHECKS
from keysat_cli.exit_codes import ExitCode
from keysat_core.domain.access import OPERATION_SCOPES
from keysat_core.domain.actor import Scope
from keysat_core.domain.events import DomainEvent
from keysat_core.domain.ids import DeliveryId
from keysat_core.domain.secret import Secret
from keysat_core.domain.validation import Reason
from keysat_core.domain.webhook_signature import webhook_headers
from keysat_http.errors import RULES
from tests.support.builders import NOW
from tests.support.docs.facts import (
    commands,
    metrics,
    options,
    routes,
    variables,
    variables_of_others,
)
from tests.support.docs.pages import living_pages, page_named
from tests.support.tree import ROOT

REFERENCE: Final = ROOT / "docs" / "reference"
COMPLETION: Final = "_KEYSAT_COMPLETE"
"""Set by the completion script for itself; nobody else sets it."""

OF_THE_INTERFACE: Final = {"REQUEST_METHOD", "PATH_INFO"}
"""Not of the process: ``environ`` of the small server of the metrics."""


def openapi() -> Any:
    return msgspec.json.decode((ROOT / "schema" / "openapi.json").read_bytes())


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_every_variable_the_program_reads_is_in_the_settings_reference() -> None:
    read = variables() - {COMPLETION}
    assert len(read) > 20
    known = page("settings.md")
    assert [name for name in sorted(read) if f"`{name}`" not in known] == []
    assert variables_of_others() <= OF_THE_INTERFACE


def test_every_variable_of_the_example_file_is_in_the_settings_reference() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    listed = re.findall(r"^#?\s?([A-Z_]+)=", example, flags=re.MULTILINE)
    assert len(listed) > 10
    assert [name for name in listed if f"`{name}`" not in page("settings.md")] == []


def test_every_route_is_in_the_routes_reference() -> None:
    known = page("routes.md")
    listed = [path for _, path in sorted(routes()) if not path.startswith("/static/")]
    assert len(listed) > 150
    assert [path for path in listed if f"| `{path}` |" not in known] == []
    assert "`/static/`" in known


def test_every_scope_is_in_the_scopes_reference_with_its_operations() -> None:
    rows = dict(re.findall(r"^\| `([\w:]+)` \|(.*)$", page("scopes.md"), flags=re.MULTILINE))
    assert set(rows) == set(Scope)
    operations = {
        operation["operationId"]: f"`{method.upper()} {path}`"
        for path, methods in openapi()["paths"].items()
        for method, operation in methods.items()
    }
    assert [
        name for name, scope in OPERATION_SCOPES.items() if operations[name] not in rows[scope]
    ] == []


def test_every_metric_is_in_the_metrics_reference() -> None:
    assert len(metrics()) > 20
    assert [name for name in sorted(metrics()) if f"| `{name}" not in page("metrics.md")] == []


def test_every_header_of_a_delivery_is_in_the_events_reference_and_on_the_page_about_webhooks() -> (
    None
):
    sent = webhook_headers(
        Secret("x" * 20), delivery_id=DeliveryId("1"), event_type="x", body=b"", now=NOW
    )
    assert len(sent) == 7
    assert [name for name in sent if f"| `{name}` |" not in page("events.md")] == []
    prose = page_named("docs/webhooks.md").text
    assert [name for name in sent if name not in prose] == []


def test_every_reason_a_key_does_not_validate_for_is_on_the_page_for_sold_software() -> None:
    pages = "".join(one.text for one in living_pages() if "integrate" in one.name)
    assert [reason for reason in Reason if f"`{reason}`" not in pages] == []


def test_every_error_code_is_in_the_errors_reference_and_no_other() -> None:
    listed = re.findall(r"^\| `(\w+)` \| \d{3} \|", page("errors.md"), flags=re.MULTILINE)
    assert sorted(listed) == sorted(leaf.code for leaf in RULES)


def test_every_exit_code_is_in_the_command_reference_and_no_other() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", page("cli.md"), flags=re.MULTILINE)
    checks = {check.exit_code for check in CHECKS}
    assert {int(code) for code, _ in rows} == checks | set(ExitCode)


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


def test_every_command_is_in_the_command_reference_with_every_option_and_its_meaning() -> None:
    sections = dict(
        re.findall(
            r"^## (keysat .+)\n\n((?:.|\n)*?)(?=^## |\Z)", page("cli.md"), flags=re.MULTILINE
        )
    )
    listed = {" ".join(words): command for words, command in commands()}
    assert len(listed) > 100
    assert set(sections) == set(listed)
    missing = [
        f"{words} {spelling}"
        for words, command in listed.items()
        for option in options(command)
        for spelling in (*option.opts, *option.secondary_opts)
        if spelling != "--json" and not explains(sections[words], spelling)
    ]
    assert missing == []
    assert [words for words in listed if f"| `{words}" not in page("cli.md")] == []


def explains(section: str, spelling: str) -> bool:
    """Tell whether a table has an option and says what it does."""
    return re.search(rf"^\| `[^`]*{spelling}\b[^`]*` \| \S", section, re.MULTILINE) is not None


def test_the_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
