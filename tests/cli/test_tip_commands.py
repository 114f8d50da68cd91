"""Tips from the command line."""

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.tip import TipStatus
from keysat_http.views.tip import Tip
from tests.support.builders import make_license, make_tip, stored_shop
from tests.support.program import Program, shop_with_a_tier

RECIPIENT: Final = "ada@tips.example"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    program = Program(folder=tmp_path)
    with SQLiteStore.open(program.db_path) as store:
        shop = stored_shop(store)
        license = make_license(shop.product, policy_id=shop.policy.id)
        other = make_license(shop.product, policy_id=shop.policy.id)
        paying: dict[str, Any] = {"payment_hash": "ab" * 32, "tried_at": 1, "bolt11": "lnbc1"}
        with store.writing() as tx:
            tx.licenses.put_license(license)
            tx.licenses.put_license(other)
            tx.tips.put_tip(make_tip(license, status=TipStatus.PAYING, label="Thanks", **paying))
            failed = make_tip(other, status=TipStatus.FAILED, detail="nobody answers")
            tx.tips.put_tip(msgspec.structs.replace(failed, recipient="eve@tips.example"))
    return program


def test_tips_are_listed_for_people_and_for_programs(program: Program) -> None:
    tips = program.json("tip", "list")["tips"]
    assert {tuple(tip) for tip in tips} == {Tip.__struct_fields__}
    assert {tip["status"] for tip in tips} == {"pending", "failed"}
    said = program.text("tip", "list")
    assert "nobody answers" in said
    assert "paying" not in said


def test_tips_are_filtered(program: Program) -> None:
    (tip,) = program.json("tip", "list", "--recipient", RECIPIENT)["tips"]
    assert tip["label"] == "Thanks"
    assert program.json("tip", "list", "--license", tip["license_id"])["tips"] == [tip]
    # An unset variable in a script asks for no license's, not for all.
    assert program.json("tip", "list", "--license", "")["tips"] == []
    assert len(program.json("tip", "list", "--limit", "1")["tips"]) == 1
    assert program.refusal("tip", "list", "--limit", "0")[0] == 4


def test_a_shop_without_tips_says_so(tmp_path: Path) -> None:
    assert "No tips." in shop_with_a_tier(tmp_path).text("tip", "list")


def test_the_cap_is_shown_set_and_lifted(program: Program) -> None:
    assert program.text("tip", "cap").strip() == "Tips have no daily cap."
    assert program.json("tip", "cap", "20000") == {"ok": True, "tips_daily_cap_sats": 20_000}
    assert "20000 sats in 24 hours" in program.text("tip", "cap")
    assert program.json("tip", "cap", "--remove")["tips_daily_cap_sats"] is None
    assert program.refusal("tip", "cap", "5", "--remove")[0] == 2
    assert program.refusal("tip", "cap", str(2**60))[0] == 4
