"""The question the sold software asks. Source: public-api 9."""

import pytest

from keysat_core.domain.license import LicenseStatus
from tests.support.keys import signed
from tests.support.shop import Shop, running_shop

DAY = 86_400


def test_a_good_key_is_answered_with_what_there_is_to_say(shop: Shop) -> None:
    product = shop.add_product()
    issued = shop.issue()
    assert shop.validate(issued["license_key"]) == {
        "ok": True,
        "license_id": issued["license_id"],
        "product_id": product["id"],
        "product_slug": "app",
        "issued_at": "2027-01-15T08:00:00Z",
        "status": "active",
        "max_machines": 1,
    }


def test_terms_are_shown_where_they_apply(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy("pro", duration_seconds=DAY, entitlements=["export"], max_machines=0)
    key = shop.issue(policy_slug="pro", is_trial=True)["license_key"]
    answer = shop.validate(key, product_slug="app", fingerprint="laptop")
    assert answer["policy_slug"] == "pro"
    assert answer["expires_at"] == "2027-01-16T08:00:00Z"
    assert answer["is_trial"] is True
    assert answer["entitlements"] == ["export"]
    assert answer["max_machines"] == 0
    assert answer["active_machines"] == 1
    assert answer["machine_id"]
    assert "in_grace_period" not in answer
    assert "grace_until" not in answer


def test_grace_begins_at_expiry_and_ends_to_the_second(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue(expires_at="2027-01-16T08:00:00Z", grace_seconds=60)["license_key"]
    shop.clock.turn(DAY - 1)
    assert "in_grace_period" not in shop.validate(key)
    shop.clock.turn(1)
    answer = shop.validate(key)
    assert answer["in_grace_period"] is True
    assert answer["grace_until"] == "2027-01-16T08:01:00Z"
    shop.clock.turn(60)
    assert shop.validate(key)["reason"] == "expired"


def test_an_expired_key_says_when(shop: Shop) -> None:
    product = shop.add_product()
    issued = shop.issue(expires_at="2027-01-15T08:00:00Z")
    assert shop.validate(issued["license_key"]) == {
        "ok": False,
        "reason": "expired",
        "license_id": issued["license_id"],
        "product_id": product["id"],
        "expires_at": "2027-01-15T08:00:00Z",
    }


def test_no_free_seat_says_how_many_there_are(shop: Shop) -> None:
    product = shop.add_product()
    issued = shop.issue(max_machines=2)
    for name in ("one", "two"):
        assert shop.validate(issued["license_key"], fingerprint=name)["ok"] is True
    assert shop.validate(issued["license_key"], fingerprint="three") == {
        "ok": False,
        "reason": "too_many_machines",
        "license_id": issued["license_id"],
        "product_id": product["id"],
        "max_machines": 2,
    }


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        pytest.param("garbage", "bad_format", id="garbage"),
        pytest.param("", "bad_format", id="empty"),
        pytest.param("lic1-AAAA-AAAA", "bad_format", id="lower-case prefix"),
        pytest.param(signed(seed=bytes(32)), "bad_signature", id="another server's key"),
        pytest.param(signed(), "not_found", id="deleted license"),
    ],
)
def test_a_key_that_is_none_of_ours_says_only_why(shop: Shop, key: str, reason: str) -> None:
    assert shop.validate(key, fingerprint="m") == {"ok": False, "reason": reason}


@pytest.mark.parametrize(("action", "reason"), [("suspend", "suspended"), ("revoke", "revoked")])
def test_a_license_that_was_stopped_says_only_why(shop: Shop, action: str, reason: str) -> None:
    shop.add_product()
    issued = shop.issue()
    shop.admin("POST", f"/licenses/{issued['license_id']}/{action}", json={})
    assert shop.validate(issued["license_key"]) == {"ok": False, "reason": reason}


@pytest.mark.parametrize("slug", ["other", "", "APP"])
def test_a_key_of_another_product_does_not_fit(shop: Shop, slug: str) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    assert shop.validate(key, product_slug=slug) == {"ok": False, "reason": "product_mismatch"}


def test_a_single_seat_belongs_to_its_first_machine(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    first = shop.validate(key, fingerprint="mine")
    assert shop.validate(key, fingerprint="mine")["machine_id"] == first["machine_id"]
    assert shop.validate(key, fingerprint="yours") == {
        "ok": False,
        "reason": "fingerprint_mismatch",
    }
    assert shop.validate(key)["ok"] is True


@pytest.mark.parametrize("blank", ["", "  ", "\t\n"])
def test_a_blank_fingerprint_takes_no_seat(shop: Shop, blank: str) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    answer = shop.validate(key, fingerprint=blank)
    assert answer["ok"] is True
    assert "machine_id" not in answer


def test_a_new_machine_keeps_what_it_said_of_itself_within_limits(shop: Shop) -> None:
    shop.add_product()
    issued = shop.issue()
    shop.validate(issued["license_key"], fingerprint="m", hostname="h" * 300, platform="  linux  ")
    (machine,) = shop.admin("GET", "/machines")["machines"]
    assert (machine["hostname"], machine["platform"]) == ("h" * 255, "linux")
    assert machine["ip_last_seen"] == "203.0.113.9"


def test_every_outcome_is_noted_without_the_fingerprint_itself(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    shop.validate(key, fingerprint="secret-machine")
    shop.validate("garbage")
    first, second = shop.validations.entries
    assert (first.result, second.result) == ("ok", "bad_format")
    assert first.fingerprint_hash is not None
    assert "secret-machine" not in repr(first)


def test_validation_noted_once_also_when_it_seats_a_machine(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    shop.validate(key, fingerprint="m")
    assert len(shop.validations.entries) == 1
    assert shop.audited("machine.activate") == 1


def test_one_address_may_ask_sixty_times_and_then_once_a_second() -> None:
    with running_shop(peer="1.2.3.4") as shop:
        answers = [shop.validate(f"key-{n}") for n in range(61)]
        assert [answer["reason"] for answer in answers[:60]] == ["bad_format"] * 60
        assert answers[60] == {"ok": False, "reason": "rate_limited"}
        assert len(shop.validations.entries) == 60
        shop.clock.turn(1)
        assert shop.validate("key")["reason"] == "bad_format"


@pytest.mark.defects("D35")
def test_behind_a_silent_proxy_each_key_has_a_bucket_of_its_own() -> None:
    with running_shop(peer="10.0.0.1") as shop:
        for _ in range(60):
            shop.validate("LIC1-" + "A" * 300 + "X")
        assert shop.validate("LIC1-" + "A" * 300 + "X")["reason"] == "rate_limited"
        assert shop.validate("LIC1-" + "A" * 300 + "Y")["reason"] == "bad_format"


def test_an_unreadable_body_costs_no_token() -> None:
    with running_shop(peer="1.2.3.4") as shop:
        for _ in range(70):
            assert shop.client.post("/v1/validate", json={}).status_code == 400
        assert shop.validate("garbage")["reason"] == "bad_format"


def test_a_product_that_is_gone_leaves_no_license_behind(shop: Shop) -> None:
    product = shop.add_product()
    key = shop.issue()["license_key"]
    shop.delete_product_row(product["id"])
    assert shop.validate(key)["reason"] == "not_found"


def test_a_reinstated_license_validates_again(shop: Shop) -> None:
    shop.add_product()
    issued = shop.issue()
    path = f"/licenses/{issued['license_id']}"
    shop.admin("POST", f"{path}/suspend", json={})
    shop.admin("POST", f"{path}/unsuspend")
    assert shop.validate(issued["license_key"])["ok"] is True
    assert shop.license(issued["license_id"]).status is LicenseStatus.ACTIVE
