"""Machines and the tier, as operators see them. Source: admin-api 2.7, 2.13, B-20."""

from typing import Any

import pytest

from keysat_core.domain.self_license import Capability, SelfLicense
from tests.support.shop import Shop, running_shop


def listed(shop: Shop, query: str = "") -> list[dict[str, Any]]:
    machines: list[dict[str, Any]] = shop.admin("GET", f"/machines?{query}")["machines"]
    return machines


def names(shop: Shop, query: str = "") -> list[str]:
    return [machine["hostname"] for machine in listed(shop, query)]


def test_a_machine_is_shown_with_its_license_and_product_but_no_fingerprint(shop: Shop) -> None:
    product = shop.add_product()
    issued = shop.issue(buyer_email="a@example.com")
    shop.validate(issued["license_key"], fingerprint="secret", hostname="laptop", platform="linux")
    (machine,) = listed(shop)
    assert machine == {
        "id": machine["id"],
        "license_id": issued["license_id"],
        "product_id": product["id"],
        "product_slug": "app",
        "product_name": "App",
        "buyer_email": "a@example.com",
        "license_status": "active",
        "hostname": "laptop",
        "platform": "linux",
        "ip_last_seen": "203.0.113.9",
        "activated_at": "2027-01-15T08:00:00Z",
        "last_heartbeat_at": "2027-01-15T08:00:00Z",
        "deactivated_at": None,
        "deactivation_reason": None,
        "active": True,
    }


def test_machines_are_filtered_and_paged(shop: Shop) -> None:
    first, second = shop.add_product("one"), shop.add_product("two")
    one, two = shop.issue("one", max_machines=0), shop.issue("two")
    for issued, name in ((one, "a"), (one, "b"), (two, "c")):
        shop.validate(issued["license_key"], fingerprint=name, hostname=name)
        shop.clock.turn(60)
    assert names(shop) == ["c", "b", "a"]
    assert names(shop, f"license_id={two['license_id']}") == ["c"]
    assert names(shop, f"product_id={first['id']}") == ["b", "a"]
    assert names(shop, "product_slug=two") == ["c"]
    assert names(shop, f"product_id={second['id']}&product_slug=one") == ["c"]
    assert names(shop, "limit=1&offset=1") == ["b"]
    assert names(shop, "limit=0") == ["c"]
    assert names(shop, f"limit={10**20}&offset=-1") == ["c", "b", "a"]
    assert shop.admin("GET", "/machines?product_slug=no", ok=False).status_code == 404
    assert shop.admin("GET", "/machines?include_inactive=1", ok=False).status_code == 400


@pytest.mark.defects("D22")
@pytest.mark.betters("B-20")
def test_freeing_a_seat_frees_the_lock_too(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    shop.validate(key, fingerprint="old")
    (machine,) = listed(shop)
    path = f"/machines/{machine['id']}/deactivate"
    assert shop.admin("POST", path, json={"reason": " "}) == {"ok": True}
    assert shop.admin("POST", path, ok=False, json={}).status_code == 404
    assert listed(shop) == []
    (gone,) = listed(shop, "include_inactive=true")
    assert (gone["active"], gone["deactivation_reason"]) == (False, "admin deactivate")
    assert shop.validate(key, fingerprint="new")["ok"] is True
    assert shop.validate(key, fingerprint="old")["reason"] == "fingerprint_mismatch"


def test_an_unknown_machine_is_not_found(shop: Shop) -> None:
    assert shop.admin("POST", "/machines/no/deactivate", ok=False, json={}).status_code == 404


def test_freeing_a_seat_needs_a_body(shop: Shop) -> None:
    assert shop.admin("POST", "/machines/no/deactivate", ok=False).status_code == 400


def test_the_free_tier_of_keysat_shows_its_caps() -> None:
    with running_shop(self_license=SelfLicense()) as shop:
        shop.add_product()
        assert shop.admin("GET", "/tier") == {
            "tier": "creator",
            "tier_name": "Creator",
            "sandbox": True,
            "entitlements": [],
            "usage": {"products": 1, "active_codes": 0, "merchant_profiles": 1},
            "caps": {
                "products": 5,
                "policies_per_product": 5,
                "active_codes": 10,
                "merchant_profiles": 1,
            },
            "next_tier": "pro",
            "upgrade_url": "https://licensing.keysat.xyz/buy/keysat?policy=pro",
        }


def test_the_highest_tier_of_keysat_has_nothing_above_it() -> None:
    bought = frozenset(Capability)
    with running_shop(is_sandbox=False, self_license=SelfLicense(entitlements=bought)) as shop:
        tier = shop.admin("GET", "/tier")
        assert (tier["tier"], tier["tier_name"], tier["sandbox"]) == ("patron", "Patron", False)
        assert set(tier["caps"].values()) == {None}
        assert (tier["next_tier"], tier["upgrade_url"]) == (None, None)
        assert tier["entitlements"] == sorted(bought)
