"""Merchant profiles from the command line."""

from pathlib import Path
from typing import Any, Final

import pytest

from keysat_core.domain.self_license import Capability
from keysat_core.signing import SigningKey
from keysat_http.views.merchant import MerchantProfile, MerchantProfileDetail
from tests.support.keys import signed
from tests.support.program import Program, shop_with_a_tier

SEED: Final = bytes(range(32))
KEYS: Final = set(MerchantProfile.__struct_fields__)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return shop_with_a_tier(tmp_path)


def default_id(program: Program) -> str:
    found: str = program.json("profile", "list")["profiles"][0]["id"]
    return found


def sandbox_in(folder: Path) -> tuple[Program, str, str]:
    """A shop for pretend money, its default profile and the account that is paid."""
    program = Program(folder=folder, variables={"KEYSAT_SANDBOX_MODE": "1"})
    program.text("migrate")
    profile = program.json("profile", "list")["profiles"][0]
    return program, profile["id"], profile["providers"][0]["id"]


def test_the_first_tier_has_room_for_one_profile(program: Program) -> None:
    code, said = program.refusal("profile", "create", "Second")
    assert (code, said["code"]) == (4, "tier_cap")
    assert program.refusal("profile", "create")[0] == 2


def test_an_operator_with_a_license_has_several_profiles(tmp_path: Path) -> None:
    program = Program(
        folder=tmp_path,
        variables={
            "KEYSAT_LICENSE": signed(
                seed=SEED, entitlements=(Capability.UNLIMITED_MERCHANT_PROFILES,)
            ),
            "KEYSAT_TRUST_ROOT_PEM": SigningKey.from_seed(SEED).verify_key.to_pem(),
        },
    )
    program.text("migrate")
    first = default_id(program)
    made = program.json("profile", "create", "Notes", "--support-email", "help@notes.example")
    assert set(made) == KEYS
    assert (made["name"], made["support_email"], made["is_default"]) == (
        "Notes",
        "help@notes.example",
        False,
    )
    assert "is the default" in program.text("profile", "set-default", made["id"])
    assert default_id(program) == made["id"]
    assert program.json("profile", "delete", first, "--yes") == {"ok": True, "id": first}
    assert "name" in program.text("profile", "create", "Third")
    third = program.json("profile", "list")["profiles"][1]["id"]
    assert "Deleted merchant profile Third" in program.text("profile", "delete", third, "--yes")


def test_profiles_are_shown_in_a_table_and_as_facts(tmp_path: Path) -> None:
    program, profile_id, account_id = sandbox_in(tmp_path)
    lines = program.text("profile", "list").splitlines()
    assert lines[0].split() == ["NAME", "DEFAULT", "PROVIDERS", "ID"]
    assert lines[1].split() == ["Keysat", "yes", "sandbox", profile_id]
    program.text("profile", "prefer", profile_id, "card", account_id)
    shown = program.text("profile", "show", profile_id)
    facts = dict(line.split(maxsplit=1) for line in shown.split("\n\n")[0].splitlines())
    assert (facts["default"], facts["products"], facts["id"]) == ("yes", "0", profile_id)
    assert account_id in shown
    assert set(program.json("profile", "show", profile_id)) == set(
        MerchantProfileDetail.__struct_fields__
    )


def test_a_profile_is_changed_and_cleared(program: Program) -> None:
    profile_id = default_id(program)
    changed = program.json(
        "profile", "update", profile_id, "--name", "Notes", "--legal-name", "Notes Ltd",
        "--support-url", "https://notes.example", "--support-email", "help@notes.example",
        "--brand-color", "#123456", "--post-purchase-redirect-url",
        "https://notes.example/{invoice_id}", "--smtp-host", "mail.notes.example",
        "--smtp-port", "465", "--smtp-username", "notes", "--smtp-from-address",
        "shop@notes.example", "--smtp-from-name", "Notes", "--no-smtp-starttls",
    )  # fmt: skip
    assert set(changed) == KEYS
    assert (changed["name"], changed["legal_name"], changed["smtp_port"]) == (
        "Notes",
        "Notes Ltd",
        465,
    )
    assert (changed["smtp_configured"], changed["smtp_use_starttls"]) == (True, False)
    cleared = program.json(
        "profile", "update", profile_id, "--clear", "smtp-host", "--clear", "smtp-port",
        "--smtp-starttls",
    )  # fmt: skip
    assert (cleared["smtp_host"], cleared["smtp_port"], cleared["smtp_use_starttls"]) == (
        None,
        None,
        True,
    )
    assert cleared["smtp_username"] == "notes"
    both = ("--legal-name", "x", "--clear", "legal-name")
    assert program.refusal("profile", "update", profile_id, *both)[0] == 2
    assert program.refusal("profile", "update", profile_id, "--clear", "name")[0] == 2
    assert program.refusal("profile", "update", profile_id, "--brand-color", "blue")[0] == 4
    assert program.refusal("profile", "update", "nobody", "--name", "x")[0] == 4


def test_a_password_comes_from_a_file_or_stdin_and_is_never_printed(program: Program) -> None:
    profile_id = default_id(program)
    word = "horse battery"
    (program.folder / "password").write_text(word + "\r\n")
    update = ("profile", "update", profile_id, "--smtp-password-file")
    printed = [
        program.text(*update, "password"),
        program.text("profile", "update", profile_id, "--clear", "smtp-password"),
        program.text(*update, "-", stdin=word + "\n"),
        program.text("profile", "show", profile_id),
        program.text("audit", "list"),
        program.text("audit", "list", "--json"),
    ]
    assert not any("horse" in text for text in printed)
    has_password = ["smtp password" in text and "  set\n" in text for text in printed[:4]]
    assert has_password == [True, False, True, True]
    # The same word again, so that nothing of its line's end was kept.
    before = program.json("audit", "list")
    program.text(*update, "password")
    assert program.json("audit", "list") == before
    assert program.refusal(*update, "nothing")[0] == 2


def test_rails_are_given_to_a_provider_and_taken_back(tmp_path: Path) -> None:
    program, profile_id, account_id = sandbox_in(tmp_path)
    assert program.json("profile", "prefer", profile_id, "on-chain", account_id) == {
        "ok": True,
        "merchant_profile_id": profile_id,
        "rail": "onchain",
        "payment_provider_id": account_id,
    }
    assert account_id in program.text("profile", "prefer", profile_id, "card", account_id)
    rails = [one["rail"] for one in program.json("profile", "show", profile_id)["rail_preferences"]]
    assert rails == ["card", "onchain"]
    assert program.json("profile", "unprefer", profile_id, "card")["rail"] == "card"
    assert "earliest" in program.text("profile", "unprefer", profile_id, "card")
    assert program.refusal("profile", "prefer", profile_id, "gold", account_id)[0] == 2
    assert program.refusal("profile", "prefer", profile_id, "card", "nobody")[0] == 4
    assert program.refusal("profile", "prefer", "nobody", "card", account_id)[0] == 3


def test_the_default_is_kept_and_what_is_not_there_is_not_found(program: Program) -> None:
    profile_id = default_id(program)
    assert program.refusal("profile", "delete", profile_id, "--yes")[0] == 4
    assert program.refusal("profile", "delete", profile_id)[0] == 2
    assert program.json("profile", "set-default", profile_id) == {"ok": True, "id": profile_id}
    assert "is the default" in program.text("profile", "set-default", profile_id)
    assert program.refusal("profile", "set-default", "nobody")[0] == 3
    assert program.refusal("profile", "show", "nobody")[0] == 3


def test_a_product_is_given_to_a_profile_and_taken_back(program: Program) -> None:
    profile_id = default_id(program)
    made = program.json(
        "product", "create", "own", "--name", "Own", "--price-value", "1", "--profile", profile_id
    )
    assert made["merchant_profile_id"] == profile_id
    assert profile_id in program.text("product", "show", "own")
    assert product(program, "--no-profile")["merchant_profile_id"] is None
    assert product(program, "--profile", profile_id)["merchant_profile_id"] == profile_id
    assert product(program, "--name", "Other")["merchant_profile_id"] == profile_id
    assert program.json("profile", "show", profile_id)["product_count"] == 1
    both = ("product", "update", "own", "--profile", profile_id, "--no-profile")
    assert program.refusal(*both)[0] == 2
    assert program.refusal("product", "update", "own", "--profile", "nobody")[0] == 3


def product(program: Program, *words: str) -> dict[str, Any]:
    changed: dict[str, Any] = program.json("product", "update", "own", *words)
    return changed
