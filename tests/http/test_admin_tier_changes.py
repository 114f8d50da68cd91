"""Changes of tier by operators over HTTP. Source: admin-api 2.6, B-18, B-25, B-34; decisions 8, 16."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import LicenseId
from keysat_core.ports.sandbox import PretendPayment
from tests.support.shop import EVERYTHING, Shop, running_shop

SCOPED = {"authorization": "Bearer scoped"}
MONTHLY: dict[str, Any] = {"is_recurring": True, "renewal_period_days": 30}


def stock(shop: Shop) -> None:
    shop.add_product(price_sats=2_500)
    shop.add_policy("basic", tier_rank=1, entitlements=["a", "b"], max_machines=3)
    shop.add_policy("pro", tier_rank=2, price_sats_override=7_500, entitlements=["a"])
    shop.add_policy("m1", tier_rank=11, price_sats_override=100, **MONTHLY)
    shop.add_policy("m2", tier_rank=12, price_sats_override=300, **MONTHLY)


@pytest.fixture
def ladder() -> Iterator[Shop]:
    with running_shop(scopes=frozenset({Scope.LICENSES_WRITE})) as shop:
        stock(shop)
        yield shop


def change(shop: Shop, license_id: str, *, ok: bool = True, **body: Any) -> Any:
    return shop.admin("POST", f"/licenses/{license_id}/change-tier", ok=ok, json=body)


@pytest.mark.betters("B-25")
def test_a_change_is_a_comp_unless_said_otherwise(ladder: Shop) -> None:
    """Decisions 8; B-25: the other name of the field."""
    sold = ladder.sell(policy_slug="basic")
    id_ = sold["license_id"]
    for key in ("a", "b"):
        ladder.post("/v1/machines/activate", key=sold["license_key"], fingerprint=key)
    told = change(ladder, id_, target_policy_slug="pro", reason="a friend")
    assert {"ok", "applied", "license_id", "tier_change_id", "skip_payment"} <= told.keys()
    assert (told["applied"], told["skip_payment"]) == (True, True)
    assert (told["from_policy_slug"], told["to_policy_slug"]) == ("basic", "pro")
    assert (told["entitlements_lost"], told["seats_over"]) == (["b"], 1)
    assert len(told["warnings"]) == 2
    assert "invoice_id" not in told
    shown = ladder.admin("GET", f"/licenses/{id_}")
    assert shown["entitlements"] == ["a"]
    (row,) = shown["tier_changes"]
    assert (row["id"], row["actor"], row["reason"]) == (told["tier_change_id"], "admin", "a friend")
    assert row["applied_at"] is not None
    listed = ladder.admin("GET", f"/licenses/{id_}/tier-changes")
    assert listed == {"tier_changes": [row], "total": 1}


@pytest.mark.betters("B-25")
def test_licenses_write_suffices_for_a_comp_and_not_for_a_bill(ladder: Shop) -> None:
    """Decisions 8."""
    id_ = ladder.sell(policy_slug="basic")["license_id"]
    path = f"/v1/admin/licenses/{id_}/change-tier"
    for body in ({"skip_payment": False}, {"skip_payment": False, "to_policy_slug": "pro"}):
        refused = ladder.client.post(path, json=body, headers=SCOPED)
        assert (refused.status_code, refused.json()["error"]) == (403, "forbidden")
    given = ladder.client.post(path, json={"to_policy_slug": "pro"}, headers=SCOPED)
    assert given.status_code == 200, given.text


def test_a_bill_is_applied_when_it_is_paid(ladder: Shop) -> None:
    id_ = ladder.sell(policy_slug="basic")["license_id"]
    told = change(ladder, id_, to_policy_slug="pro", skip_payment=False)
    assert (told["applied"], told["amount_sats"], told["listed_currency"]) == (False, 5_000, "SAT")
    assert told["proration_charge_value"] == 5_000
    assert told["checkout_url"]
    ladder.act({"btcpay_invoice_id": told["provider_invoice_id"]}, PretendPayment.PAY)
    ladder.deliver()
    (row,) = ladder.admin("GET", f"/licenses/{id_}")["tier_changes"]
    assert (row["invoice_id"], row["to_policy_slug"]) == (told["invoice_id"], "pro")
    assert row["applied_at"] is not None
    assert len(ladder.licenses()) == 1
    refused = change(ladder, id_, to_policy_slug="basic", skip_payment=False, ok=False)
    assert refused.status_code == 400


def test_a_dry_run_and_a_quote_write_nothing(ladder: Shop) -> None:
    id_ = ladder.sell(policy_slug="basic")["license_id"]
    before = ladder.admin("GET", f"/licenses/{id_}")
    told = change(ladder, id_, to_policy_slug="pro", dry_run=True)
    assert (told["dry_run"], told["applied"], told["entitlements_lost"]) == (True, False, ["b"])
    assert told["proration_charge_value"] == 5_000
    assert "tier_change_id" not in told
    billed = change(ladder, id_, to_policy_slug="pro", dry_run=True, skip_payment=False)
    assert billed["skip_payment"] is False
    quote = ladder.admin("GET", f"/licenses/{id_}/tier-quote", params={"to_policy_slug": "pro"})
    assert (quote["proration_charge_value"], quote["entitlements_lost"]) == (5_000, ["b"])
    paid = {"to_policy_slug": "pro", "skip_payment": "false"}
    assert ladder.admin("GET", f"/licenses/{id_}/tier-quote", params=paid) == quote
    assert ladder.admin("GET", f"/licenses/{id_}") == before


def test_a_downgrade_waits_and_can_be_called_off(ladder: Shop) -> None:
    """Decisions 16."""
    id_ = ladder.sell(policy_slug="m2")["license_id"]
    told = change(ladder, id_, to_policy_slug="m1", apply_at="next_cycle")
    assert (told["applied"], told["effective_at"]) == (False, "2027-02-14T08:00:00Z")
    again = change(ladder, id_, to_policy_slug="m1", apply_at="next_cycle")
    assert (again["already"], again["tier_change_id"]) == ("scheduled", told["tier_change_id"])
    dry = change(ladder, id_, to_policy_slug="m1", apply_at="next_cycle", dry_run=True)
    assert dry["effective_at"] == told["effective_at"]
    path = f"/licenses/{id_}/tier-changes/{told['tier_change_id']}"
    assert ladder.admin("DELETE", path) == {"ok": True}
    assert ladder.admin("DELETE", path) == {"ok": True, "already": "withdrawn"}
    assert ladder.admin("DELETE", f"/licenses/{id_}/tier-changes/x", ok=False).status_code == 404
    clash = {"to_policy_slug": "m1", "apply_at": "next_cycle", "skip_payment": False}
    assert change(ladder, id_, ok=False, **clash).status_code == 400


def test_what_is_not_there_or_not_possible(ladder: Shop) -> None:
    id_ = ladder.sell(policy_slug="basic")["license_id"]
    assert change(ladder, "x", to_policy_slug="pro", ok=False).status_code == 404
    assert change(ladder, id_, to_policy_slug="none", ok=False).status_code == 404
    for body in ({}, {"to_policy_slug": " "}, {"to_policy_slug": "basic"}):
        assert change(ladder, id_, ok=False, **body).status_code == 400
    assert change(ladder, id_, to_policy_slug="pro", apply_at="x", ok=False).status_code == 400


def test_the_license_this_server_runs_on_is_left_alone() -> None:
    """Lifecycles 11.4, decisions 8: with an explanation."""
    own = LicenseId("7d4b4b0e-5a52-4f2e-9c0e-0a8b8a3f0b11")
    with running_shop(self_license=msgspec.structs.replace(EVERYTHING, license_id=own)) as shop:
        for body in ({}, {"skip_payment": False}, {"dry_run": True}):
            refused = change(shop, own, to_policy_slug="pro", ok=False, **body)
            assert (refused.status_code, refused.json()["error"]) == (400, "bad_request")
            assert "this server runs on" in refused.json()["message"]
