"""The audit log from the command line."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from keysat_http.views.audit import AuditEntry
from tests.support.program import Program, shop_with_a_tier
from tests.support.tampering import tamper


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A shop with four audit rows: its profile, its product, its tier and one license."""
    program = shop_with_a_tier(tmp_path)
    program.text("license", "issue", "widget/pro")
    return program


def verify(program: Program, *words: str) -> tuple[int, Any]:
    result = program.run("audit", "verify", *words, "--json")
    return result.exit_code, msgspec.json.decode(result.stdout)


def test_changes_are_listed_newest_first(program: Program) -> None:
    entries = program.json("audit", "list")["entries"]
    assert [(entry["id"], entry["action"]) for entry in entries] == [
        (4, "license.issue_manual"),
        (3, "policy.create"),
        (2, "product.create"),
        (1, "merchant_profile.create"),
    ]
    assert set(entries[0]) == set(AuditEntry.__struct_fields__)
    assert entries[0]["details"]["entitlements"] == ["sync"]
    assert program.json("audit", "list", "--limit", "2")["entries"] == entries[:2]
    assert program.json("audit", "list", "--action", "policy.create")["entries"] == [entries[1]]
    text = program.text("audit", "list", "--action", "product.create").splitlines()
    assert text[0].split()[0] == "ID"
    assert "product.create" in text[1]
    assert program.text("audit", "list", "--action", "x") == "No audit entries.\n"
    assert program.refusal("audit", "list", "--limit", "0")[0] == 4
    assert program.refusal("audit", "list", "--limit", "1001")[0] == 4


def test_an_untouched_log_verifies_and_its_head_can_be_held_against_it_later(
    program: Program,
) -> None:
    code, said = verify(program)
    assert (code, said["ok"], said["row_count"], said["breaks"]) == (0, True, 4, [])
    assert said["db_path"] == str(program.db_path)
    assert said["head"] in program.text("audit", "verify")
    program.text("license", "issue", "widget")
    assert verify(program, "--anchor", said["head"])[0] == 0


def test_every_break_is_named_and_ends_in_differences(program: Program) -> None:
    head = verify(program)[1]["head"]
    tamper(
        program.db_path,
        "UPDATE audit_log SET details = '{}' WHERE id = 2",
        "DELETE FROM audit_log WHERE id = 4",
    )
    code, said = verify(program)
    assert (code, said["ok"], said["head"], said["is_complete"]) == (9, False, None, True)
    assert said["breaks"] == [
        {
            "kind": "changed",
            "first_id": 2,
            "last_id": 2,
            "message": "row 2: changed after it was written",
        },
        {"kind": "removed", "first_id": 4, "last_id": 4, "message": "row 4: removed"},
    ]
    result = program.run("audit", "verify")
    assert result.exit_code == 9
    assert result.stdout.splitlines()[1:] == [one["message"] for one in said["breaks"]]
    assert [one["kind"] for one in verify(program, "--anchor", head)[1]["breaks"]] == [
        "changed",
        "removed",
        "unanchored",
    ]


def test_swapped_rows_are_told_where_they_belong(program: Program) -> None:
    tamper(
        program.db_path,
        "UPDATE audit_log SET id = -1 WHERE id = 2",
        "UPDATE audit_log SET id = 2 WHERE id = 3",
        "UPDATE audit_log SET id = 3 WHERE id = -1",
    )
    code, said = verify(program)
    assert code == 9
    assert [(one["first_id"], one["belongs_at"]) for one in said["breaks"]] == [(2, 3), (3, 2)]
    assert "row 2: moved; it belongs at 3" in program.run("audit", "verify").stdout


def test_several_rows_are_named_together(program: Program) -> None:
    tamper(program.db_path, "DELETE FROM audit_log WHERE id IN (2, 3)")
    assert "rows 2 to 3: removed" in program.run("audit", "verify").stdout


def test_a_hopeless_log_is_said_to_be_read_in_part(program: Program) -> None:
    tamper(
        program.db_path,
        "WITH RECURSIVE n (id) AS (SELECT 6 UNION ALL SELECT id + 2 FROM n WHERE id < 3000)"
        " INSERT INTO audit_log (id, actor_kind, action, details, occurred_at)"
        " SELECT id, 'cli', 'x', '{}', 1 FROM n",
    )
    code, said = verify(program)
    assert (code, said["is_complete"]) == (9, False)
    assert "The rest was not looked at." in program.run("audit", "verify").stdout


def test_a_backup_is_verified_in_place_of_the_database(program: Program, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    backup.write_bytes(program.db_path.read_bytes())
    tamper(program.db_path, "DELETE FROM audit_log")
    assert verify(program)[0] == 9
    before = backup.read_bytes()
    code, said = verify(program, str(backup))
    assert (code, said["db_path"]) == (0, str(backup))
    assert backup.read_bytes() == before


def test_a_file_that_is_not_there_is_not_an_empty_log(program: Program, tmp_path: Path) -> None:
    code, said = program.refusal("audit", "verify", str(tmp_path / "none.db"))
    assert (code, said["code"]) == (7, "store_unavailable")
    code, said = program.refusal("audit", "verify", "--anchor", "5:abc")
    assert (code, said["code"]) == (4, "invalid_field")
