"""Products, policies and rates from the command line: for people, and with ``--json`` for programs."""

from pathlib import Path
from typing import Any, Final

import pytest

from keysat_core.domain.instant import parse_rfc3339
from keysat_http.views.policy import Policy
from keysat_http.views.product import DeletedProduct, Product
from tests.support.program import Program, shop_with_a_tier

PRODUCT_KEYS: Final = set(Product.__struct_fields__)
POLICY_KEYS: Final = set(Policy.__struct_fields__)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return shop_with_a_tier(tmp_path)


def names(found: dict[str, Any], noun: str, field: str = "slug") -> list[Any]:
    return [row[field] for row in found[noun]]


def test_a_new_database_is_announced(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    words = ("--name", "x", "--price-value", "1")
    first = program.run("product", "create", "one", *words)
    assert f"Made a new database: {program.db_path}" in first.stderr
    assert program.run("product", "create", "two", *words).stderr == ""


@pytest.mark.parametrize(
    "words", [("product", "list"), ("key", "public"), ("license", "summary"), ("rates", "show")]
)
def test_a_mistyped_path_does_not_answer_like_an_empty_shop(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    program = Program(folder=tmp_path)
    code, said = program.refusal(*words)
    assert (code, said["code"]) == (7, "store_unavailable")
    assert "KEYSAT_DB_PATH" in said["message"]
    assert not program.db_path.exists()


def test_a_product_is_created_as_told(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    made = program.json(
        "product", "create", "suite", "--name", "Suite", "--price-value", "1999",
        "--price-currency", "usd", "--description", "All of it", "--metadata", '{"a": [1]}',
        "--catalog", '[{"slug": "pro", "name": "Pro"}]',
    )  # fmt: skip
    assert set(made) == PRODUCT_KEYS
    assert (made["slug"], made["name"], made["description"]) == ("suite", "Suite", "All of it")
    assert (made["price_currency"], made["price_value"], made["price_sats"]) == ("USD", 1999, 0)
    assert made["metadata"] == {"a": [1]}
    assert made["entitlements_catalog"] == [{"slug": "pro", "name": "Pro", "description": ""}]
    assert made["active"] is True
    assert parse_rfc3339(made["created_at"], field="created_at") > 0
    assert program.json("product", "show", "suite") == made


def test_a_document_may_come_from_a_file(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    (tmp_path / "about.json").write_text('{"from": "file"}')
    words = ["product", "create", "suite", "--name", "Suite", "--price-value", "1"]
    assert program.json(*words, "--metadata", "@about.json")["metadata"] == {"from": "file"}
    assert program.refusal(*words, "--metadata", "@nothing.json")[0] == 2
    assert program.refusal(*words, "--metadata", "{")[0] == 2
    assert program.refusal(*words, "--catalog", '{"not": "a list"}')[0] == 4


def test_products_are_shown_in_a_table(program: Program) -> None:
    lines = program.text("product", "list").splitlines()
    assert lines[0].split() == ["SLUG", "NAME", "PRICE", "ACTIVE", "ID"]
    assert lines[1].split()[:5] == ["widget", "Widget", "25000", "SAT", "yes"]


def test_a_product_is_shown_as_facts(program: Program) -> None:
    lines = program.text("product", "show", "widget").splitlines()
    facts = dict(line.split(maxsplit=1) for line in lines)
    assert facts["slug"] == "widget"
    assert facts["description"] == "-"


def test_a_product_goes_off_sale_and_on_again(program: Program) -> None:
    assert program.json("product", "deactivate", "widget")["active"] is False
    assert program.json("product", "list") == {"products": [], "total": 0}
    assert names(program.json("product", "list", "--all"), "products") == ["widget"]
    assert program.json("product", "activate", "widget")["active"] is True


def test_only_what_is_named_changes(program: Program) -> None:
    before = program.json("product", "show", "widget")
    after = program.json("product", "update", "widget", "--name", "Widget II")
    assert set(after) == PRODUCT_KEYS
    changed = {key for key in before if before[key] != after[key]}
    assert changed - {"updated_at"} == {"name"}
    assert program.json("product", "update", "widget")["name"] == "Widget II"


def test_a_price_may_change_alone_or_with_its_currency(program: Program) -> None:
    assert program.json("product", "update", "widget", "--price-value", "5")["price_sats"] == 5
    fiat = program.json(
        "product", "update", "widget", "--price-value", "999", "--price-currency", "EUR"
    )
    assert (fiat["price_currency"], fiat["price_value"]) == ("EUR", 999)
    assert program.refusal("product", "update", "widget", "--price-currency", "USD")[0] == 4


def test_a_catalog_is_set_and_taken_away(program: Program) -> None:
    catalog = '[{"slug": "sync", "name": "Sync"}]'
    assert program.json("product", "update", "widget", "--catalog", catalog)["entitlements_catalog"]
    gone = program.json("product", "update", "widget", "--no-catalog")
    assert gone["entitlements_catalog"] is None
    both = ("product", "update", "widget", "--catalog", catalog, "--no-catalog")
    assert program.refusal(*both)[0] == 2


def test_what_is_sold_is_deleted_only_by_force(program: Program) -> None:
    program.text("license", "issue", "widget/pro")
    assert program.refusal("product", "delete", "widget", "--yes")[1]["code"] == "still_referenced"
    gone = program.json("product", "delete", "widget", "--yes", "--force")
    assert set(gone) == set(DeletedProduct.__struct_fields__) - {"warning"}
    assert (gone["cascaded_policies"], gone["cascaded_licenses"]) == (1, 1)
    assert program.refusal("product", "show", "widget")[0] == 3


def test_a_deletion_is_told_to_people(program: Program) -> None:
    assert "Deleted policy pro" in program.text("policy", "delete", "widget/pro", "--yes")
    assert "Deleted product widget" in program.text("product", "delete", "widget", "--yes")


def test_a_policy_is_created_as_told(program: Program) -> None:
    made = program.json(
        "policy", "create", "widget/max", "--name", "Max", "--duration-seconds", "52w",
        "--grace-seconds", "3600", "--max-machines", "0", "--trial", "--price-sats-override", "0",
        "--entitlement", "a", "--entitlement", "b", "--metadata", '{"highlight": true}',
        "--tier-rank", "3", "--tip-recipient", "tips@example.com", "--tip-pct-bps", "250",
        "--tip-label", "Thanks",
    )  # fmt: skip
    assert set(made) == POLICY_KEYS
    assert made["duration_seconds"] == 52 * 7 * 86_400
    assert (made["grace_seconds"], made["max_machines"], made["is_trial"]) == (3600, 0, True)
    assert (made["price_sats_override"], made["entitlements"]) == (0, ["a", "b"])
    assert (made["tip_recipient"], made["tip_pct_bps"], made["tip_label"]) == (
        "tips@example.com",
        250,
        "Thanks",
    )
    assert program.json("policy", "show", "widget/max") == made


def test_a_policy_has_the_apis_defaults(program: Program) -> None:
    made = program.json("policy", "create", "widget/plain", "--name", "Plain")
    assert (made["max_machines"], made["duration_seconds"], made["grace_period_days"]) == (1, 0, 7)
    assert (made["active"], made["public"], made["price_sats_override"]) == (True, True, None)


@pytest.mark.parametrize("text", ["1y", "-1", "1.5h", "", "12 h"])
def test_what_is_no_duration_is_refused(text: str, program: Program) -> None:
    words = ("policy", "create", "widget/x", "--name", "X", "--duration-seconds", text)
    assert program.refusal(*words)[0] == 2


@pytest.mark.parametrize("address", ["widget", "/pro", "widget/", ""])
def test_a_policy_is_addressed_by_product_and_slug(address: str, program: Program) -> None:
    assert program.refusal("policy", "show", address)[0] == 2


def test_terms_change_and_are_cleared(program: Program) -> None:
    changed = program.json(
        "policy", "update", "widget/pro", "--price-sats-override", "10", "--tier-rank", "1",
        "--no-trial", "--max-machines", "5",
    )  # fmt: skip
    assert (changed["price_sats_override"], changed["tier_rank"]) == (10, 1)
    assert (changed["max_machines"], changed["entitlements"]) == (5, ["sync"])
    cleared = program.json(
        "policy", "update", "widget/pro", "--no-price-sats-override", "--no-tier-rank",
        "--no-entitlements",
    )  # fmt: skip
    assert (cleared["price_sats_override"], cleared["tier_rank"]) == (None, None)
    assert cleared["entitlements"] == []
    both = ("policy", "update", "widget/pro", "--tier-rank", "1", "--no-tier-rank")
    assert program.refusal(*both)[0] == 2


def test_a_tier_is_hidden_stopped_and_archived(program: Program) -> None:
    assert program.json("policy", "hide", "widget/pro")["public"] is False
    assert program.json("policy", "publish", "widget/pro")["public"] is True
    assert program.json("policy", "deactivate", "widget/pro")["active"] is False
    assert program.json("policy", "list", "widget") == {"policies": [], "total": 0}
    assert program.json("policy", "activate", "widget/pro")["active"] is True
    assert program.json("policy", "archive", "widget/pro")["archived_at"] is not None
    assert program.json("policy", "list", "widget") == {"policies": [], "total": 0}
    assert names(program.json("policy", "list", "widget", "--all"), "policies") == ["pro"]
    assert program.json("policy", "unarchive", "widget/pro")["archived_at"] is None


def test_tiers_are_put_in_order(program: Program) -> None:
    program.text("policy", "create", "widget/basic", "--name", "Basic")
    ordered = program.json("policy", "reorder", "widget", "pro", "basic")
    assert names(ordered, "policies") == ["pro", "basic"]
    assert names(ordered, "policies", "tier_rank") == [1, 2]
    assert program.refusal("policy", "reorder", "widget", "pro")[0] == 4


def test_a_tip_is_set_and_removed(program: Program) -> None:
    words = ("policy", "set-tip", "widget/pro")
    tipped = program.json(*words, "--tip-recipient", "a@b.example", "--tip-pct-bps", "100")
    assert (tipped["tip_recipient"], tipped["tip_pct_bps"]) == ("a@b.example", 100)
    assert program.json(*words)["tip_recipient"] is None
    assert program.refusal(*words, "--tip-pct-bps", "100")[0] == 4


def test_policies_are_shown_in_a_table(program: Program) -> None:
    lines = program.text("policy", "list", "widget").splitlines()
    assert lines[0].split()[:5] == ["SLUG", "NAME", "PRICE", "DURATION", "SEATS"]
    assert lines[1].split()[:6] == ["pro", "Pro", "-", "365", "d", "3"]
    assert "365 d" in program.text("policy", "show", "widget/pro")
