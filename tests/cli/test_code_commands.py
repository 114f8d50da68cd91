"""Discount codes from the command line: for people, and with ``--json`` for programs."""

from pathlib import Path
from typing import Any, Final

import pytest

from keysat_cli.exit_codes import ExitCode
from keysat_http.views.code import DiscountCode
from tests.support.program import Program, shop_with_a_tier

CODE_KEYS: Final = set(DiscountCode.__struct_fields__)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return shop_with_a_tier(tmp_path)


def slugs(program: Program) -> tuple[str, str]:
    """The slugs of the product and of its tier."""
    product = program.json("product", "list")["products"][0]["slug"]
    tier = program.json("policy", "list", product)["policies"][0]["slug"]
    return product, tier


def add(program: Program, text: str = "save", *words: str) -> dict[str, Any]:
    given = words or ("--kind", "percent", "--amount", "1000")
    made: dict[str, Any] = program.json("code", "create", text, *given)
    return made


def test_a_code_is_created_as_told(program: Program) -> None:
    product, tier = slugs(program)
    made = program.json(
        "code", "create", "ten-off", "--kind", "fixed_sats", "--amount", "1000", "--currency",
        "usd", "--duration", "forever", "--max-uses", "5", "--expires-at",
        "2031-01-02T03:04:05Z", "--product", product, "--policy", tier, "--referrer", "podcast",
        "--description", "Ten", "--featured",
    )  # fmt: skip
    assert set(made) == CODE_KEYS
    assert (made["code"], made["kind"], made["amount"]) == ("TEN-OFF", "fixed_sats", 1_000)
    assert (made["discount_currency"], made["duration"], made["max_uses"]) == ("USD", "forever", 5)
    assert made["expires_at"] == "2031-01-02T03:04:05Z"
    assert made["applies_to_policy_ids"] == [made["applies_to_policy_id"]]
    assert (made["referrer_label"], made["featured"], made["active"]) == ("podcast", True, True)
    assert "TEN-OFF" in program.run("code", "show", "ten-off").stdout


def test_codes_are_listed_found_by_text_or_id_and_switched(program: Program) -> None:
    made = add(program)
    add(program, "GIFT", "--kind", "free_license")
    assert program.json("code", "disable", "Save")["active"] is False
    assert [one["code"] for one in program.json("code", "list")["codes"]] == ["GIFT"]
    every = program.json("code", "list", "--all")
    assert (every["total"], len(every["codes"])) == (2, 2)
    assert program.json("code", "enable", made["id"])["active"] is True
    shown = program.run("code", "list").stdout
    assert "SAVE" in shown
    assert "0/∞" in shown
    assert program.json("code", "show", "SAVE")["redemptions"] == []


def test_a_code_is_changed_and_what_is_not_named_stays(program: Program) -> None:
    product, tier = slugs(program)
    words = ("--kind", "percent", "--amount", "1000", "--product", product, "--referrer", "x")
    add(program, "SAVE", *words)
    changed = program.json(
        "code", "update", "save", "--amount", "2000", "--max-uses", "9", "--policy", tier,
        "--expires-at", "2031-01-02T03:04:05Z", "--featured",
    )  # fmt: skip
    assert (changed["amount"], changed["max_uses"], changed["featured"]) == (2_000, 9, True)
    assert (len(changed["applies_to_policy_ids"]), changed["referrer_label"]) == (1, "x")
    cleared = program.json(
        "code", "update", "save", "--max-uses", "0", "--never-expires", "--referrer", "",
        "--any-policy", "--not-featured",
    )  # fmt: skip
    assert (cleared["max_uses"], cleared["expires_at"], cleared["referrer_label"]) == (None,) * 3
    assert (cleared["applies_to_policy_ids"], cleared["featured"]) == ([], False)
    assert cleared["amount"] == 2_000


def test_a_code_is_deleted_after_a_question(program: Program) -> None:
    add(program)
    assert program.json("code", "delete", "save", "--yes") == {"ok": True, "deleted": "SAVE"}
    code, said = program.refusal("code", "show", "save")
    assert (code, said["code"]) == (ExitCode.NOT_FOUND, "not_found")


def test_a_preview_says_what_a_buyer_would_pay(program: Program) -> None:
    product, _ = slugs(program)
    add(program)
    seen = program.json("code", "preview", "save", "--product", product)
    assert seen["valid"]
    assert seen["final_price_sats"] == seen["base_price_sats"] * 9 // 10
    assert "discount in sats" in program.run("code", "preview", "save", "--product", product).stdout
    none = program.json("code", "preview", "none", "--product", product)
    assert (none["valid"], none["reason"]) == (False, "unknown_code")


def test_the_report_of_what_codes_brought(program: Program) -> None:
    add(program)
    report = program.json("code", "attribution", "--since", "2020-01-01T00:00:00Z")
    assert report == {"attributions": [], "redemptions": 0, "revenue_sats": 0}
    assert program.run("code", "attribution").exit_code == ExitCode.OK


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        (("create", "no good", "--kind", "percent", "--amount", "1"), ExitCode.REFUSED),
        (("create", "SAVE", "--kind", "percent", "--amount", "1"), ExitCode.CONFLICT),
        (("create", "X", "--kind", "half"), ExitCode.USAGE),
        (("create", "X", "--kind", "percent", "--product", "none"), ExitCode.NOT_FOUND),
        (("update", "SAVE", "--policy", "none"), ExitCode.REFUSED),
        (("update", "SAVE", "--policy", "a", "--any-policy"), ExitCode.USAGE),
        (("enable", "none"), ExitCode.NOT_FOUND),
    ],
)
def test_what_cannot_be_done_ends_with_its_exit_code(
    program: Program, words: tuple[str, ...], exit_code: ExitCode
) -> None:
    add(program)
    assert program.run("code", *words).exit_code == exit_code
