"""Many licenses from the command line."""

from pathlib import Path

import pytest

from keysat_cli.commands.issue_many import LIST_CHARS_MAX
from keysat_http.views.license import IssuedLicense
from tests.support.program import Program, shop_with_a_tier


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return shop_with_a_tier(tmp_path)


def test_each_key_has_a_line_of_its_own_and_verifies(program: Program) -> None:
    result = program.run("license", "issue-many", "widget/pro", "--count", "3")
    assert result.exit_code == 0
    keys = result.stdout.splitlines()
    assert len(set(keys)) == 3
    for key in keys:
        assert program.json("key", "verify", key)["payload"]["entitlements"] == ["sync"]
    assert "Issued 3 licenses." in result.stderr
    assert program.json("license", "summary")["total"] == 3


def test_terms_are_given_as_for_a_single_license(program: Program) -> None:
    said = program.json(
        "license", "issue-many", "widget", "--count", "2", "--expires-at", "2030-01-01T00:00:00Z",
        "--entitlement", "extra", "--max-machines", "9", "--trial", "--grace-seconds", "1d",
        "--buyer-email", "a@b.example", "--nostr-npub", "npub1", "--note", "a gift",
    )  # fmt: skip
    assert [set(one) for one in said["licenses"]] == [set(IssuedLicense.__struct_fields__)] * 2
    for one in said["licenses"]:
        assert (one["expires_at"], one["max_machines"]) == ("2030-01-01T00:00:00Z", 9)
        assert (one["entitlements"], one["is_trial"]) == (["extra"], True)
        shown = program.json("license", "show", one["license_id"])
        assert (shown["buyer_email"], shown["nostr_npub"]) == ("a@b.example", "npub1")
        assert (shown["grace_seconds"], shown["metadata"]["note"]) == (86_400, "a gift")


def test_each_address_of_a_file_gets_a_license_in_order(program: Program, tmp_path: Path) -> None:
    (tmp_path / "people.txt").write_text("ada@b.example\r\n\n  bob@b.example \ncy@b.example")
    words = ("license", "issue-many", "widget", "--note", "beta", "--buyer-emails")
    said = program.json(*words, "people.txt")
    shown = [program.json("license", "show", one["license_id"]) for one in said["licenses"]]
    assert [(one["buyer_email"], one["metadata"]["note"]) for one in shown] == [
        ("ada@b.example", "beta"),
        ("bob@b.example", "beta"),
        ("cy@b.example", "beta"),
    ]
    assert len(program.text(*words, "-", stdin="d@b.example\n").splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 2),
        (["--count", "2", "--buyer-emails", "people.txt"], 2),
        (["--buyer-email", "a@b.example", "--buyer-emails", "people.txt"], 2),
        (["--buyer-emails", "none.txt"], 2),
        (["--buyer-emails", "latin.txt"], 2),
        (["--buyer-emails", "empty.txt"], 4),
        (["--count", "0"], 4),
        (["--count", "100001"], 4),
        (["--count", "2", "--no-entitlements", "--entitlement", "x"], 2),
        (["--count", "2", "--max-machines", "-1"], 4),
    ],
)
def test_what_cannot_be_issued_issues_nothing(
    words: list[str], code: int, program: Program, tmp_path: Path
) -> None:
    (tmp_path / "people.txt").write_text("ada@b.example\n")
    (tmp_path / "latin.txt").write_bytes(b"ad\xe9@b.example\n")
    (tmp_path / "empty.txt").write_text("\n \n")
    assert program.refusal("license", "issue-many", "widget", *words)[0] == code
    assert program.json("license", "summary")["total"] == 0


def test_a_list_too_long_is_not_read_to_its_end(program: Program, tmp_path: Path) -> None:
    (tmp_path / "people.txt").write_text("a\n" * LIST_CHARS_MAX)
    code, said = program.refusal("license", "issue-many", "widget", "--buyer-emails", "people.txt")
    assert (code, "more than 100000 lines" in said["message"]) == (2, True)


def test_an_unknown_tier_issues_nothing(program: Program) -> None:
    assert program.refusal("license", "issue-many", "widget/none", "--count", "2")[0] == 3
