"""Licenses, as operators manage them. Source: admin-api 2.6, B-21, B-26, B-34, B-38, B-44."""

from typing import Any

import pytest

from keysat_core.domain.license import LicenseStatus
from tests.support.shop import Shop

LICENSE_KEYS = {
    "id",
    "product_id",
    "invoice_id",
    "status",
    "fingerprint",
    "bound_identity",
    "issued_at",
    "revoked_at",
    "revocation_reason",
    "metadata",
    "policy_id",
    "expires_at",
    "grace_seconds",
    "max_machines",
    "suspended_at",
    "suspension_reason",
    "entitlements",
    "is_trial",
    "nostr_npub",
    "buyer_email",
}


def refused(shop: Shop, method: str, path: str, **request: Any) -> tuple[int, str]:
    response = shop.admin(method, path, ok=False, **request)
    return response.status_code, response.json()["error"]


def found(shop: Shop, query: str, *, route: str = "/licenses") -> list[str]:
    return [row["id"] for row in shop.admin("GET", f"{route}?{query}")["licenses"]]


def test_a_license_issued_by_hand_comes_with_its_key(shop: Shop) -> None:
    product = shop.add_product()
    issued = shop.issue()
    assert issued == {
        "license_id": issued["license_id"],
        "product_id": product["id"],
        "license_key": issued["license_key"],
        "issued_at": "2027-01-15T08:00:00Z",
        "expires_at": None,
        "entitlements": [],
        "is_trial": False,
        "max_machines": 1,
    }
    assert shop.validate(issued["license_key"])["ok"] is True
    assert shop.audited("license.issue_manual") == 1


def test_terms_come_from_the_policy_unless_said_otherwise(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy(
        "pro", duration_seconds=86_400, max_machines=5, entitlements=["a"], is_trial=True
    )
    from_policy = shop.issue(policy_slug="pro")
    assert from_policy["expires_at"] == "2027-01-16T08:00:00Z"
    assert (from_policy["max_machines"], from_policy["entitlements"]) == (5, ["a"])
    said = shop.issue(
        policy_slug="pro",
        expires_at="2028-01-01T01:00:00+01:00",
        max_machines=0,
        entitlements=[],
        is_trial=False,
        grace_seconds=60,
    )
    assert said["expires_at"] == "2028-01-01T00:00:00Z"
    assert (said["max_machines"], said["entitlements"], said["is_trial"]) == (0, [], False)


@pytest.mark.defects("D33")
@pytest.mark.parametrize("text", ["tomorrow", "2028-01-01", "2028-01-01T00:00:00", "", "1"])
@pytest.mark.betters("B-21")
def test_an_expiry_that_is_no_instant_is_refused(shop: Shop, text: str) -> None:
    shop.add_product()
    body = {"product_slug": "app", "expires_at": text}
    assert refused(shop, "POST", "/licenses", json=body) == (400, "bad_request")
    assert shop.licenses() == []


@pytest.mark.betters("B-38")
def test_a_note_has_two_names(shop: Shop) -> None:
    shop.add_product()
    for name in ("note", "buyer_note"):
        issued = shop.issue(**{name: " for a friend "})
        metadata = shop.admin("GET", f"/licenses/{issued['license_id']}")["metadata"]
        assert metadata == {"source": "admin_issue", "note": "for a friend"}


def test_what_is_not_for_sale_can_be_issued(shop: Shop) -> None:
    product = shop.add_product()
    policy = shop.add_policy("old")
    shop.admin("PATCH", f"/products/{product['id']}/active", json={"active": False})
    shop.admin("PATCH", f"/policies/{policy['id']}/archived", json={"archived": True})
    assert shop.issue(policy_slug="old")["license_key"]


@pytest.mark.parametrize("body", [{"product_slug": "no"}, {"policy_slug": "no"}])
def test_an_unknown_product_or_policy_is_not_found(shop: Shop, body: dict[str, str]) -> None:
    shop.add_product()
    body = {"product_slug": "app"} | body
    assert refused(shop, "POST", "/licenses", json=body) == (404, "not_found")


@pytest.mark.betters("B-34")
def test_one_license_is_shown_without_its_key(shop: Shop) -> None:
    shop.add_product()
    issued = shop.issue(buyer_email="a@example.com", nostr_npub="npub1x")
    shown = shop.admin("GET", f"/licenses/{issued['license_id']}")
    assert shown.keys() == LICENSE_KEYS | {"tier_changes"}
    assert issued["license_key"] not in str(shown)
    assert (shown["buyer_email"], shown["nostr_npub"]) == ("a@example.com", "npub1x")
    assert refused(shop, "GET", "/licenses/nope") == (404, "not_found")


def test_listed_licenses_name_what_can_be_resolved(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy("pro", name="Pro")
    shop.issue()
    shop.clock.turn(1)
    shop.issue(policy_slug="pro")
    newest, oldest = shop.admin("GET", "/licenses")["licenses"]
    assert newest.keys() == LICENSE_KEYS | {"policy_slug", "policy_name", "product_slug"}
    assert (newest["policy_slug"], newest["policy_name"]) == ("pro", "Pro")
    assert oldest.keys() == LICENSE_KEYS | {"product_slug"}


@pytest.mark.parametrize("route", ["/licenses", "/licenses/search"])
@pytest.mark.betters("B-26")
def test_both_lists_take_every_filter_and_its_other_name(shop: Shop, route: str) -> None:
    first = shop.add_product("one")
    shop.add_product("two")
    policy = shop.add_policy("pro", product="two")
    sold = shop.sell("one", buyer_email="Ann@Example.com")
    shop.clock.turn(1)
    other = shop.issue("two", policy_slug="pro", nostr_npub="npub1y")["license_id"]
    shop.admin("POST", f"/licenses/{other}/suspend", json={})
    ours = sold["license_id"]
    provider_id = shop.invoice(sold["invoice_id"]).provider_invoice_id
    for query, expected in (
        (f"product_id={first['id']}", [ours]),
        (f"policy_id={policy['id']}", [other]),
        ("status=suspended", [other]),
        ("buyer_email=ann@example.COM", [ours]),
        ("email=ann@example.com", [ours]),
        ("nostr_npub=npub1y", [other]),
        (f"invoice_id={sold['invoice_id']}", [ours]),
        (f"invoice={provider_id}", [ours]),
        (f"status=active&product_id={first['id']}", [ours]),
        (f"status=suspended&product_id={first['id']}", []),
        ("product_id=&email=&invoice=&limit=1", [other]),
        ("offset=2", []),
        (f"limit={10**20}&nostr_npub=npub1y", [other]),
    ):
        assert found(shop, query, route=route) == expected, query
    assert refused(shop, "GET", f"{route}?status=expired") == (400, "bad_request")


def test_a_search_is_shorter_than_a_list(shop: Shop) -> None:
    shop.add_product()
    for _ in range(101):
        shop.issue()
    assert len(found(shop, "")) == 101
    assert len(found(shop, "", route="/licenses/search")) == 100


@pytest.mark.betters("B-44")
def test_revoking_is_done_once(shop: Shop) -> None:
    shop.add_product()
    path = f"/licenses/{shop.issue()['license_id']}"
    assert shop.admin("POST", f"{path}/revoke", json={"reason": " "}) == {"ok": True}
    shown = shop.admin("GET", path)
    assert (shown["status"], shown["revocation_reason"]) == ("revoked", "admin revoke")
    assert shown["revoked_at"] == "2027-01-15T08:00:00Z"
    for action in ("revoke", "suspend", "unsuspend"):
        assert refused(shop, "POST", f"{path}/{action}", json={}) == (404, "not_found")


@pytest.mark.betters("B-44")
def test_suspending_may_be_repeated(shop: Shop) -> None:
    shop.add_product()
    license_id = shop.issue()["license_id"]
    path = f"/licenses/{license_id}"
    assert shop.admin("POST", f"{path}/suspend", json={"reason": "x" * 600}) == {"ok": True}
    assert shop.license(license_id).suspension_reason == "x" * 500
    again = shop.admin("POST", f"{path}/suspend", json={"reason": None})
    assert again == {"ok": True, "already": "suspended"}
    assert shop.admin("POST", f"{path}/unsuspend", content=b"anything") == {"ok": True}
    assert shop.admin("POST", f"{path}/unsuspend") == {"ok": True, "already": "active"}
    assert shop.license(license_id).status is LicenseStatus.ACTIVE
    events = [event.event_type for event in shop.events()]
    assert events.count("license.suspended") == events.count("license.unsuspended") == 1


@pytest.mark.parametrize("action", ["revoke", "suspend"])
def test_a_reason_needs_a_body(shop: Shop, action: str) -> None:
    shop.add_product()
    license_id = shop.issue()["license_id"]
    assert refused(shop, "POST", f"/licenses/{license_id}/{action}") == (400, "bad_request")


@pytest.mark.parametrize("action", ["revoke", "suspend", "unsuspend"])
def test_an_unknown_license_is_not_found(shop: Shop, action: str) -> None:
    assert refused(shop, "POST", f"/licenses/nope/{action}", json={}) == (404, "not_found")


@pytest.mark.betters("B-17")
def test_the_numbers_over_all_licenses(shop: Shop) -> None:
    product = shop.add_product(price_sats=1_000)
    policy = shop.add_policy("pro")
    shop.issue()
    shop.clock.turn(2 * 86_400)
    suspended = shop.issue(policy_slug="pro")["license_id"]
    shop.admin("POST", f"/licenses/{suspended}/suspend", json={})
    shop.sell(policy_slug="pro")
    assert shop.admin("GET", "/licenses/summary") == {
        "total": 3,
        "active": 2,
        "suspended": 1,
        "revoked": 0,
        "last_24h": 2,
        "last_7d": 3,
    }
    assert shop.admin("GET", "/licenses/counts") == {
        "by_product": {product["id"]: 3},
        "by_policy": {policy["id"]: 2},
    }


@pytest.mark.betters("B-17")
def test_revenue_counts_settled_paid_invoices(shop: Shop) -> None:
    shop.add_product(price_sats=1_000)
    shop.add_policy("free", price_sats_override=0)
    shop.add_policy("paid")
    shop.sell(policy_slug="free")
    shop.sell(policy_slug="paid")
    shop.clock.turn(8 * 86_400)
    shop.sell(policy_slug="paid")
    shop.buy(policy_slug="paid")
    assert shop.admin("GET", "/revenue/summary") == {
        "total_sats": 2_000,
        "last_24h_sats": 1_000,
        "last_7d_sats": 1_000,
        "last_30d_sats": 2_000,
        "settled_paid_invoice_count": 2,
    }


@pytest.mark.defects("D34")
@pytest.mark.parametrize(
    "entitlements", [["x" * 256], [f"e{number}" for number in range(256)]], ids=["long", "many"]
)
def test_entitlements_no_key_can_carry_are_refused_before_anything_is_stored(
    shop: Shop, entitlements: list[str]
) -> None:
    shop.add_product()
    body = {"product_slug": "app", "entitlements": entitlements}
    assert shop.admin("POST", "/licenses", ok=False, json=body).status_code == 400
    assert shop.admin("GET", "/licenses?product_slug=app")["licenses"] == []


def test_a_license_that_ended_before_any_key_can_say_so_is_refused(shop: Shop) -> None:
    """A key spells "never" as second 0, so that instant must not become perpetual (D33)."""
    shop.add_product()
    body = {"product_slug": "app", "expires_at": "1970-01-01T00:00:00Z"}
    response = shop.admin("POST", "/licenses", ok=False, json=body)
    assert response.status_code == 400
    assert response.json()["detail"][0]["field"] == "expires_at"


@pytest.mark.parametrize("text", ["2027-W01-1T00:00:00Z", "2027-01-01", "20270101T000000Z"])
@pytest.mark.betters("B-21")
def test_an_expiry_in_another_spelling_than_rfc_3339_is_refused(shop: Shop, text: str) -> None:
    shop.add_product()
    body = {"product_slug": "app", "expires_at": text}
    assert shop.admin("POST", "/licenses", ok=False, json=body).status_code == 400
