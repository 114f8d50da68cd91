"""The command line beside a live server on the same database; both say the same in the same words."""

import time
from collections.abc import Iterator

import pytest

from tests.support.live_server import LiveServer, live_server
from tests.support.program import shop_with_a_tier


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("beside")
    shop_with_a_tier(folder)
    with live_server(folder) as running:
        yield running


def test_a_license_issued_by_hand_validates_at_once_and_a_revoked_one_no_more(
    server: LiveServer,
) -> None:
    issued = server.program.json("license", "issue", "widget/pro")
    key = issued["license_key"]
    assert server.validate(key)["ok"] is True
    server.program.text("license", "suspend", issued["license_id"])
    assert server.validate(key)["reason"] == "suspended"
    server.program.text("license", "unsuspend", issued["license_id"])
    assert server.validate(key)["ok"] is True
    server.program.text("license", "revoke", issued["license_id"], "--yes")
    assert server.validate(key) == {"ok": False, "reason": "revoked"}


def test_a_freed_seat_is_free_for_the_server(server: LiveServer) -> None:
    issued = server.program.json("license", "issue", "widget", "--max-machines", "1")
    key = issued["license_key"]
    seated = server.validate(key, fingerprint="one")["machine_id"]
    assert server.validate(key, fingerprint="two")["ok"] is False
    server.program.text("machine", "deactivate", seated, "--yes")
    assert server.validate(key, fingerprint="two")["ok"] is True


def test_both_shells_sell_what_the_other_created(server: LiveServer) -> None:
    body = {"slug": "by-http", "name": "By HTTP", "price_currency": "SAT", "price_value": 1}
    made = server.admin("POST", "/v1/admin/products", body)
    assert server.program.json("product", "show", "by-http") == made
    server.program.text("product", "deactivate", "by-http")
    listed = server.ask("GET", "/v1/products").json()["products"]
    assert "by-http" not in [product["slug"] for product in listed]


def test_a_pinned_rate_counts_at_once(server: LiveServer) -> None:
    program = server.program
    words = ("product", "create", "fiat", "--name", "Fiat", "--price-currency", "USD")
    program.text(*words, "--price-value", "1000")
    assert server.ask("POST", "/v1/purchase", {"product": "fiat"}).status_code == 502
    program.text("rates", "pin", "USD", "100000")
    assert server.ask("POST", "/v1/purchase", {"product": "fiat"}).json()["amount_sats"] == 10_000


def test_json_is_the_apis_own(server: LiveServer) -> None:
    program = server.program
    issued = program.json("license", "issue", "widget/pro", "--buyer-email", "same@b.example")
    server.validate(issued["license_key"], fingerprint="same")
    license_id, product_id = issued["license_id"], issued["product_id"]

    product = server.ask("GET", "/v1/products/widget").json()
    assert program.json("product", "show", "widget") == product
    listed = server.admin("GET", "/v1/admin/policies?product_slug=widget")
    assert program.json("policy", "list", "widget") == listed
    found = server.admin("GET", "/v1/admin/licenses/search?buyer_email=same@b.example")
    assert program.json("license", "list", "--buyer-email", "same@b.example") == found
    assert program.json("license", "show", license_id) == server.admin(
        "GET", f"/v1/admin/licenses/{license_id}"
    )
    machines = server.admin("GET", f"/v1/admin/machines?license_id={license_id}")
    assert program.json("machine", "list", "--license", license_id) == machines
    assert program.json("license", "summary") == server.admin("GET", "/v1/admin/licenses/summary")
    assert program.json("key", "public") == server.ask("GET", "/v1/pubkey").json()
    assert product["id"] == product_id


def test_a_server_notes_validations_beside_the_database(server: LiveServer) -> None:
    server.validate("LIC1-A-B")
    log = server.program.folder / "keysat-activity.db"
    deadline = time.monotonic() + 5
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert log.exists()
