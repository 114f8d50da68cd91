"""``--dry-run``: the command does its work, says so, and leaves the database as it was."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.support.program import Program, shop_with_a_tier


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return shop_with_a_tier(tmp_path)


def everything(program: Program) -> dict[str, list[object]]:
    with closing(apsw.Connection(str(program.db_path))) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            str(name): list(connection.execute(f'SELECT * FROM "{name}"'))  # noqa: S608
            for (name,) in names
        }


def test_every_destructive_command_can_be_tried(program: Program) -> None:
    license_id = program.json("license", "issue", "widget/pro")["license_id"]
    program.text("code", "create", "X", "--kind", "percent", "--amount", "1000")
    endpoint_id = program.json("webhook", "create", "https://hooks.example.com")["id"]
    program.text("product", "create", "bare", "--name", "Bare", "--price-value", "5")
    for words in (
        ("product", "delete", "bare"),
        ("product", "delete", "widget", "--force"),
        ("policy", "delete", "widget/pro", "--force"),
        ("policy", "archive", "widget/pro"),
        ("code", "delete", "X"),
        ("license", "suspend", license_id),
        ("license", "revoke", license_id),
        ("webhook", "delete", endpoint_id),
        ("btcpay", "disconnect"),
        ("zaprite", "disconnect"),
        ("license", "issue-many", "widget/pro", "--count", "3"),
    ):
        before = everything(program)
        # Nothing is destroyed, so nothing is asked, and no --yes is needed.
        told = program.json(*words, "--dry-run")
        assert told["dry_run"] is True, words
        assert program.text(*words, "--dry-run").splitlines()[-1] == "Nothing was changed."
        assert everything(program) == before, words


def test_it_tells_what_the_command_would(program: Program) -> None:
    license_id = program.json("license", "issue", "widget/pro")["license_id"]
    tried = program.json("license", "revoke", license_id, "--reason", "why", "--dry-run")
    assert (tried["status"], tried["revocation_reason"]) == ("revoked", "why")
    done = program.json("license", "revoke", license_id, "--reason", "why", "--yes")
    same = {"dry_run", "revoked_at"}
    assert {k: v for k, v in tried.items() if k not in same} == {
        k: v for k, v in done.items() if k not in same
    }


def test_it_fails_as_the_command_would(program: Program) -> None:
    program.text("license", "issue", "widget/pro")
    code, said = program.refusal("product", "delete", "widget", "--dry-run")
    assert (code, said["code"]) == (5, "still_referenced")


def test_no_key_is_shown_for_a_license_that_will_not_exist(program: Program) -> None:
    said = program.text("license", "issue-many", "widget/pro", "--count", "2", "--dry-run")
    assert said == "2 licenses would be issued.\nNothing was changed.\n"
