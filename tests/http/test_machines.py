"""Seats, as the sold software asks for them and gives them up. Source: public-api 10."""

from typing import Any

import pytest

from tests.support.keys import signed
from tests.support.shop import Shop, running_shop

DAY = 86_400
ROUTES = ("activate", "heartbeat", "deactivate")


def call(shop: Shop, what: str, key: str, fingerprint: str = "laptop", **fields: Any) -> Any:
    response = shop.post(f"/v1/machines/{what}", key=key, fingerprint=fingerprint, **fields)
    assert response.status_code == 200, response.text
    return response.json()


def test_activation_gives_a_seat_and_counts_it(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue(max_machines=3)["license_key"]
    answer = call(shop, "activate", key)
    assert answer == {
        "ok": True,
        "machine_id": answer["machine_id"],
        "active_count": 1,
        "max_machines": 3,
        "reason": None,
    }


def test_activating_twice_gives_the_same_seat(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue(max_machines=3)["license_key"]
    assert call(shop, "activate", key) == call(shop, "activate", key)


def test_without_a_free_seat_activation_is_refused(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    call(shop, "activate", key)
    assert call(shop, "activate", key, "desktop") == {
        "ok": False,
        "machine_id": None,
        "active_count": 1,
        "max_machines": 1,
        "reason": "too_many_machines",
    }


@pytest.mark.defects("D20")
def test_activation_and_validation_share_the_single_seat(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    machine_id = call(shop, "activate", key)["machine_id"]
    assert shop.validate(key, fingerprint="desktop")["reason"] == "fingerprint_mismatch"
    assert shop.validate(key, fingerprint="laptop")["machine_id"] == machine_id


@pytest.mark.parametrize(("action", "reason"), [("suspend", "suspended"), ("revoke", "revoked")])
def test_a_stopped_license_seats_nobody(shop: Shop, action: str, reason: str) -> None:
    shop.add_product()
    issued = shop.issue()
    call(shop, "activate", issued["license_key"])
    shop.admin("POST", f"/licenses/{issued['license_id']}/{action}", json={})
    answer = call(shop, "activate", issued["license_key"])
    assert (answer["ok"], answer["reason"], answer["active_count"]) == (False, reason, 0)
    beat = call(shop, "heartbeat", issued["license_key"])
    assert beat == {"ok": False, "reason": reason}
    assert call(shop, "deactivate", issued["license_key"]) == {"ok": True}


def test_past_its_grace_a_license_seats_nobody(shop: Shop) -> None:
    shop.add_product()
    issued = shop.issue(expires_at="2027-01-16T08:00:00Z", grace_seconds=60)
    key = issued["license_key"]
    shop.clock.turn(DAY + 59)
    assert call(shop, "activate", key)["ok"] is True
    shop.clock.turn(1)
    assert call(shop, "activate", key)["reason"] == "expired"
    assert call(shop, "heartbeat", key) == {"ok": False, "reason": "expired"}


def test_a_heartbeat_names_the_machine(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    machine_id = call(shop, "activate", key)["machine_id"]
    assert call(shop, "heartbeat", key) == {"ok": True, "machine_id": machine_id}


def test_a_heartbeat_moves_the_time_the_machine_was_last_seen(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    call(shop, "activate", key)
    shop.clock.turn(DAY)
    call(shop, "heartbeat", key)
    (machine,) = shop.admin("GET", "/machines")["machines"]
    assert machine["last_heartbeat_at"] == "2027-01-16T08:00:00Z"


def test_a_machine_without_a_seat_has_no_heartbeat(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    assert call(shop, "heartbeat", key) == {"ok": False, "reason": "not_activated"}


def test_a_license_may_beat_sixty_times_and_then_once_a_minute(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    call(shop, "activate", key)
    for _ in range(60):
        assert call(shop, "heartbeat", key)["ok"] is True
    assert call(shop, "heartbeat", key) == {"ok": False, "reason": "rate_limited"}
    shop.clock.turn(60)
    assert call(shop, "heartbeat", key)["ok"] is True


def test_deactivation_frees_the_seat_once(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    call(shop, "activate", key)
    assert call(shop, "deactivate", key) == {"ok": True}
    assert call(shop, "deactivate", key) == {"ok": False, "reason": "not_found"}
    assert call(shop, "activate", key, "desktop")["ok"] is True


def test_deactivation_keeps_its_reason_within_limits(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue(max_machines=2)["license_key"]
    call(shop, "activate", key, "a")
    call(shop, "activate", key, "b")
    call(shop, "deactivate", key, "a")
    call(shop, "deactivate", key, "b", reason="x" * 600)
    machines = shop.admin("GET", "/machines?include_inactive=true")["machines"]
    assert {m["deactivation_reason"] for m in machines} == {"client_requested", "x" * 500}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("key", "code"),
    [("garbage", "bad_format"), (signed(seed=bytes(32)), "bad_signature")],
    ids=["garbage", "another server's"],
)
def test_unlike_for_validation_a_bad_key_is_an_error(
    shop: Shop, route: str, key: str, code: str
) -> None:
    response = shop.post(f"/v1/machines/{route}", key=key, fingerprint="m")
    assert (response.status_code, response.json()["error"]) == (400, "bad_request")
    assert response.json()["code"] == code


@pytest.mark.parametrize(
    ("route", "status", "body"),
    [
        ("activate", 404, {"error": "not_found"}),
        ("heartbeat", 200, {"ok": False, "reason": "not_activated"}),
        ("deactivate", 200, {"ok": False, "reason": "not_found"}),
    ],
)
def test_a_deleted_license_is_told_from_a_bad_key(
    shop: Shop, route: str, status: int, body: dict[str, Any]
) -> None:
    response = shop.post(f"/v1/machines/{route}", key=signed(), fingerprint="m")
    assert response.status_code == status
    assert body.items() <= response.json().items()


@pytest.mark.parametrize("route", ["activate", "deactivate"])
def test_seats_are_limited_by_address(route: str) -> None:
    with running_shop(peer="1.2.3.4") as shop:
        shop.add_product()
        key = shop.issue()["license_key"]
        for _ in range(60):
            assert shop.post(f"/v1/machines/{route}", key=key, fingerprint="m").status_code == 200
        refused = shop.post(f"/v1/machines/{route}", key=key, fingerprint="m")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")


def test_behind_a_silent_proxy_seats_are_limited_by_license() -> None:
    with running_shop(peer="10.0.0.1") as shop:
        shop.add_product()
        busy, quiet = (shop.issue()["license_key"] for _ in range(2))
        statuses = [
            shop.post("/v1/machines/activate", key=busy, fingerprint="m").status_code
            for _ in range(61)
        ]
        assert statuses == [200] * 60 + [429]
        assert shop.post("/v1/machines/activate", key=quiet, fingerprint="m").status_code == 200
