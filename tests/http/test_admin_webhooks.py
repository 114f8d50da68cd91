"""Subscribers and deliveries over the admin API. Source: admin-api 2.8, B-04, B-13, B-35."""

import json
from typing import Any

import httpx
import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.audit import AuditEntry
from keysat_http.views.webhook import WebhookDelivery
from tests.support.http import ADMIN
from tests.support.shop import Shop, running_shop

PATH = "/v1/admin/webhook-endpoints"
DELIVERIES = "/v1/admin/webhook-deliveries"
URL = "https://hooks.example/keysat"
SHOWN = [
    "id",
    "url",
    "event_types",
    "active",
    "description",
    "created_at",
    "updated_at",
]


def call(shop: Shop, method: str, path: str, body: Any = None) -> Any:
    response = shop.client.request(method, path, json=body, headers=ADMIN)
    assert response.status_code == 200, response.text
    return response.json()


def refused(shop: Shop, method: str, path: str, body: Any = None) -> tuple[int, str]:
    response = shop.client.request(method, path, json=body, headers=ADMIN)
    return response.status_code, response.json()["error"]


def subscribed(shop: Shop, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = call(shop, "POST", PATH, {"url": URL} | fields)
    return made


def audits(shop: Shop) -> list[AuditEntry]:
    with shop.ports.store.reading() as tx:
        return tx.trail.list_audit(action=None, limit=100)


def happen(shop: Shop, slug: str = "app") -> None:
    call(shop, "POST", "/v1/admin/products", {"slug": slug, "name": "App", "price_sats": 1})


def test_an_endpoint_is_created_with_a_secret_of_its_own(shop: Shop) -> None:
    made = subscribed(shop)
    assert len(made["secret"]) == 64
    assert bytes.fromhex(made["secret"])
    assert made["signing_secret"].startswith("whsec_")
    assert (made["event_types"], made["active"], made["description"]) == (["*"], True, "")
    assert subscribed(shop)["secret"] != made["secret"]


def test_a_chosen_secret_is_kept_to_the_letter(shop: Shop) -> None:
    chosen = " my own secret, sixteen "
    assert subscribed(shop, secret=chosen)["secret"] == chosen
    assert subscribed(shop, secret=None)["secret"] != chosen


@pytest.mark.parametrize(
    "body",
    [
        {"url": ""},
        {"url": "hooks.example"},
        {"url": "ftp://hooks.example"},
        {"url": "https://"},
        {"url": "https://user:word@hooks.example"},
        {"url": "https://hooks.example:99999/"},
        {"url": "https://hooks.example/a b"},
        {"url": f"https://hooks.example/{'x' * 3_000}"},
        {"url": URL, "secret": ""},
        {"url": URL, "secret": "fifteen letters"},
        {"url": URL, "secret": " " * 40},
        {"url": URL, "secret": "x" * 300},
        {"url": URL, "event_types": ["license.isued"]},
        {"url": URL, "event_types": ["product.updated"]},
        {"url": URL, "event_types": ["license.*"]},
        {"url": URL, "event_types": "*"},
        {"url": URL, "description": "x" * 20_000},
        {"event_types": ["*"]},
    ],
    ids=str,
)
@pytest.mark.betters("B-35")
def test_what_breaks_a_rule_is_refused(shop: Shop, body: dict[str, Any]) -> None:
    assert refused(shop, "POST", PATH, body) == (400, "bad_request")
    assert call(shop, "GET", PATH) == {"endpoints": [], "total": 0}


def test_endpoints_are_listed_newest_first_without_their_secrets(shop: Shop) -> None:
    first = subscribed(shop, description="first")
    shop.clock.turn(1)
    second = subscribed(shop, event_types=[], description="second")
    listed = call(shop, "GET", PATH)
    assert [one["id"] for one in listed["endpoints"]] == [second["id"], first["id"]]
    assert [list(one) for one in listed["endpoints"]] == [SHOWN, SHOWN]
    page = call(shop, "GET", f"{PATH}?limit=1&offset=1")
    assert ([one["id"] for one in page["endpoints"]], page["total"]) == ([first["id"]], 2)


@pytest.mark.parametrize("path", [PATH, f"{PATH}/ID"])
@pytest.mark.betters("B-04")
def test_secrets_are_shown_only_to_those_who_may_change_them_b_04(path: str) -> None:
    scopes = {Scope.WEBHOOKS_READ, Scope.WEBHOOKS_WRITE}

    def shown(shop: Shop, headers: dict[str, str], flag: str) -> bool:
        made = subscribed(shop)
        answer: httpx.Response = shop.client.get(
            path.replace("ID", made["id"]), params={"include_secret": flag}, headers=headers
        )
        assert answer.status_code == 200, answer.text
        return made["secret"] in answer.text

    scoped = {"authorization": "Bearer scoped"}
    with running_shop(scopes=frozenset(scopes)) as shop:
        assert shown(shop, scoped, "true")
        assert shown(shop, ADMIN, "true")
        assert not shown(shop, ADMIN, "false")
    with running_shop(scopes=frozenset({Scope.WEBHOOKS_READ})) as shop:
        assert not shown(shop, scoped, "true")


def test_an_endpoint_is_changed_field_by_field(shop: Shop) -> None:
    made = subscribed(shop)
    path = f"{PATH}/{made['id']}"
    changed = call(shop, "PATCH", path, {"event_types": ["license.issued"], "description": "CRM"})
    assert (changed["url"], changed["event_types"]) == (URL, ["license.issued"])
    assert "secret" not in changed
    call(shop, "PATCH", path, {"secret": "another secret of mine", "url": f"{URL}/2"})
    found = call(shop, "GET", f"{path}?include_secret=true")
    assert (found["secret"], found["url"]) == ("another secret of mine", f"{URL}/2")
    assert call(shop, "PATCH", path, {}) == {key: found[key] for key in SHOWN}
    assert refused(shop, "PATCH", path, {"event_types": ["nope"]}) == (400, "bad_request")
    actions = [row.action for row in audits(shop)]
    assert actions.count("webhook_endpoint.update") == 2
    assert not any("another secret" in str(row.details) for row in audits(shop))


def test_switching_deleting_and_unknown_ids(shop: Shop) -> None:
    made = subscribed(shop)
    path = f"{PATH}/{made['id']}"
    for active in (False, False, True):
        assert call(shop, "PATCH", f"{path}/active", {"active": active}) == {"ok": True}
        assert call(shop, "GET", path)["active"] is active
    assert call(shop, "DELETE", path) == {"ok": True}
    for method, tail, body in (
        ("DELETE", "", None),
        ("GET", "", None),
        ("PATCH", "", {"url": URL}),
        ("PATCH", "/active", {"active": True}),
        ("POST", "/replay", {"since": "2027-01-01T00:00:00Z"}),
    ):
        assert refused(shop, method, path + tail, body) == (404, "not_found")
    actions = [row.action for row in audits(shop) if row.action.startswith("webhook")]
    assert sorted(actions) == [
        "webhook_endpoint.create",
        "webhook_endpoint.delete",
        "webhook_endpoint.set_active",
        "webhook_endpoint.set_active",
    ]


@pytest.mark.betters("B-13")
def test_deleting_with_history_works_and_keeps_it_d28(shop: Shop) -> None:
    made = subscribed(shop)
    happen(shop)
    assert call(shop, "DELETE", f"{PATH}/{made['id']}") == {"ok": True}
    (delivery,) = call(shop, "GET", f"{DELIVERIES}?endpoint_id={made['id']}")["deliveries"]
    assert (delivery["status"], delivery["next_attempt_at"]) == ("failed", None)


def test_deliveries_are_listed_shown_and_retried(shop: Shop) -> None:
    made = subscribed(shop)
    happen(shop, "one")
    shop.clock.turn(1)
    happen(shop, "two")
    listed = call(shop, "GET", DELIVERIES)
    assert listed["total"] == 2
    newest = listed["deliveries"][0]
    assert tuple(newest) == WebhookDelivery.__struct_fields__
    assert '"slug":"two"' in newest["payload_json"]
    assert (newest["endpoint_id"], newest["event_type"]) == (made["id"], "product.created")
    assert (newest["status"], newest["attempt_count"]) == ("pending", 0)
    assert call(shop, "GET", f"{DELIVERIES}/{newest['id']}") == newest
    shop.clock.turn(5)
    again = call(shop, "POST", f"{DELIVERIES}/{newest['id']}/retry")
    assert again["next_attempt_at"] > newest["next_attempt_at"]
    assert again["payload_json"] == newest["payload_json"]
    for method, tail in (("GET", ""), ("POST", "/retry")):
        assert refused(shop, method, f"{DELIVERIES}/nope{tail}") == (404, "not_found")


def test_deliveries_are_filtered_and_paged(shop: Shop) -> None:
    made = subscribed(shop)
    for number in range(3):
        happen(shop, f"app-{number}")

    def count(query: str) -> tuple[int, int]:
        page = call(shop, "GET", f"{DELIVERIES}?{query}")
        return len(page["deliveries"]), page["total"]

    assert count("status=pending") == (3, 3)
    assert count("status=all&limit=1&offset=1") == (1, 3)
    assert count("status=delivered") == count("status=failed") == (0, 0)
    assert count(f"endpoint_id={made['id']}&limit=9999") == (3, 3)
    assert count("endpoint_id=nope") == (0, 0)
    assert refused(shop, "GET", f"{DELIVERIES}?status=lost") == (400, "bad_request")


def test_b35_who_asks_for_both_names_of_a_settled_sale_is_told_of_each_once(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy("default")
    shop.add_policy("gift", price_sats_override=0)
    both = subscribed(shop, event_types=["invoice.paid", "invoice.settled"])
    new = subscribed(shop, event_types=["invoice.settled"])
    every = subscribed(shop)
    sold = shop.sell()
    shop.buy(policy_slug="gift")
    # Told again, the shop has nothing more to tell.
    shop.deliver()
    shop.poll(sold["invoice_id"])

    def told(endpoint: dict[str, Any]) -> list[str]:
        listed = call(shop, "GET", f"{DELIVERIES}?endpoint_id={endpoint['id']}")["deliveries"]
        return sorted(
            one["event_type"]
            for one in listed
            if one["event_type"] in ("invoice.paid", "invoice.settled")
        )

    assert told(both) == told(every) == ["invoice.paid"] * 2 + ["invoice.settled"] * 2
    assert told(new) == ["invoice.settled"] * 2
    listed = call(shop, "GET", f"{DELIVERIES}?endpoint_id={new['id']}")["deliveries"]
    said = [json.loads(one["payload_json"])["data"] for one in listed]
    assert [(one["amount_sats"], one["settled_by"]) for one in said] == [
        (0, None),
        (50_000, "provider"),
    ]


def test_a_secret_is_rotated_and_shown_once(shop: Shop) -> None:
    made = subscribed(shop)
    path = f"{PATH}/{made['id']}"
    rotated = call(shop, "POST", f"{path}/rotate-secret")
    assert rotated["secret"] not in (made["secret"], "")
    until = rotated["previous_secret_until"]
    assert until == "2027-01-16T08:00:00Z"
    chosen = call(shop, "POST", f"{path}/rotate-secret", {"secret": "c" * 32})
    assert chosen["secret"] == "c" * 32
    assert refused(shop, "POST", f"{path}/rotate-secret", {"secret": "c" * 32})[0] == 400
    assert refused(shop, "POST", f"{path}/rotate-secret", {"secret": "short"})[0] == 400
    assert refused(shop, "POST", f"{PATH}/nobody/rotate-secret")[0] == 404
    assert "secret" not in call(shop, "GET", path)
    assert shop.audited("webhook_endpoint.rotate_secret") == 2
    told = str([one.details for one in audits(shop)]) + str(shop.events())
    for one in (made, rotated, chosen):
        assert one["secret"] not in told


def test_a_test_is_queued_for_an_active_endpoint(shop: Shop) -> None:
    made = subscribed(shop, event_types=["license.issued"])
    path = f"{PATH}/{made['id']}"
    delivery = call(shop, "POST", f"{path}/test")
    assert (delivery["event_type"], delivery["status"]) == ("webhook.test", "pending")
    assert json.loads(delivery["payload_json"])["data"] == {"webhook_endpoint_id": made["id"]}
    assert call(shop, "GET", f"{DELIVERIES}/{delivery['id']}") == delivery
    assert refused(shop, "POST", f"{PATH}/nobody/test")[0] == 404
    call(shop, "PATCH", f"{path}/active", {"active": False})
    assert refused(shop, "POST", f"{path}/test") == (400, "bad_request")
    assert shop.audited("webhook_endpoint.test") == 1


def test_events_of_a_time_are_replayed(shop: Shop) -> None:
    happen(shop)
    made = subscribed(shop)
    path = f"{PATH}/{made['id']}/replay"
    replayed = call(shop, "POST", path, {"since": "2020-01-01T00:00:00Z"})
    assert (replayed["ok"], replayed["queued"]) == (True, 1)
    assert call(shop, "POST", path, {"since": "2020-01-01T00:00:00Z"})["queued"] == 0
    late = {"since": "2021-01-01T00:00:00Z", "until": "2020-01-01T00:00:00Z"}
    assert refused(shop, "POST", path, late) == (400, "bad_request")
    assert refused(shop, "POST", path, {"since": "yesterday"}) == (400, "bad_request")
    call(shop, "PATCH", f"{PATH}/{made['id']}/active", {"active": False})
    body = {"since": "2020-01-01T00:00:00Z"}
    assert refused(shop, "POST", path, body) == (400, "bad_request")


def test_there_are_only_so_many_endpoints(shop: Shop) -> None:
    for _ in range(100):
        subscribed(shop)
    assert refused(shop, "POST", PATH, {"url": URL}) == (400, "bad_request")
