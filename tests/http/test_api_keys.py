"""API keys over HTTP: made, used, listed and revoked."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.ids import RandomIds
from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind
from keysat_core.domain.ids import ApiKeyId
from keysat_core.limits import API_KEYS_MAX
from keysat_core.use_cases.access.revoke_key import revoke_key
from keysat_http.admin import api_keys, products
from tests.support.builders import make_api_key
from tests.support.direct import answered
from tests.support.http import ADMIN, running_server
from tests.support.shop import Shop, running_shop


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with running_shop() as running:
        yield running


def made(shop: Shop, **fields: Any) -> dict[str, Any]:
    key: dict[str, Any] = shop.admin(
        "POST", "/api-keys", json={"label": "CI", "role": "read-only"} | fields
    )
    return key


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def rows(shop: Shop) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in shop.admin("GET", "/api-keys")["api_keys"]}


def test_a_key_is_shown_once_and_only_its_hash_is_kept(shop: Shop) -> None:
    key = made(
        shop,
        label="  deploy bot ",
        role=" full-admin ",
        scopes=[" payment_providers:write", "", "payment_providers:write", "  "],
    )
    token = key.pop("token")
    assert len(token) == 46
    assert token.startswith("ks_")
    assert (key["label"], key["role"]) == ("deploy bot", "full-admin")
    assert key["scopes"] == ["payment_providers:write"]
    assert rows(shop)[key["id"]] == key | {"last_used_at": None, "revoked_at": None}
    with shop.ports.store.reading() as tx:
        stored = tx.api_keys.get_key(ApiKeyId(key["id"]))
        trail = msgspec.json.encode(tx.trail.list_audit(action="api_key.create", limit=9))
        events = b"".join(event.body for event in tx.trail.list_events(limit=99))
    assert stored.token_hash == sha256(token.encode()).hexdigest()
    assert token.encode() not in msgspec.json.encode(stored) + trail + events
    assert b'"label":"deploy bot"' in trail


def test_keys_are_listed_newest_first_a_page_at_a_time(shop: Shop) -> None:
    first, second = made(shop), made(shop)
    listed = shop.admin("GET", "/api-keys?limit=2")
    assert [row["id"] for row in listed["api_keys"]] == [second["id"], first["id"]]
    assert listed["total"] == len(rows(shop))
    assert shop.admin("GET", "/api-keys?limit=1&offset=1")["api_keys"][0]["id"] == first["id"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"label": ""}, "label"),
        ({"label": "  "}, "label"),
        ({"label": "é" * 41}, "label"),
        ({"label": "x" * 81}, "label"),
        ({"label": "a\0b"}, "label"),
        ({"role": "admin"}, "role"),
        ({"role": "Support"}, "role"),
        ({"role": ""}, "role"),
        ({"scopes": ["licenses:write"]}, "scopes"),
        ({"scopes": ["master"]}, "scopes"),
        ({"scopes": ["*"]}, "scopes"),
    ],
)
def test_a_bad_field_is_named(shop: Shop, fields: dict[str, Any], field: str) -> None:
    body = {"label": "CI", "role": "support"} | fields
    response = shop.admin("POST", "/api-keys", json=body, ok=False)
    assert response.status_code == 400, response.text
    assert response.json()["error"] == "bad_request"
    assert response.json()["detail"][0]["field"] == field


def test_a_label_may_have_80_bytes(shop: Shop) -> None:
    assert made(shop, label=" " + "é" * 40)["label"] == "é" * 40


@pytest.mark.betters("B-08")
def test_a_key_acts_in_its_own_name(shop: Shop) -> None:
    key = made(shop, role="full-admin")
    body = {"slug": "by-key", "name": "K", "price_sats": 1}
    # A bearer's JSON needs no content type (B-07), which a scoped key's is too.
    response = shop.client.post(
        "/v1/admin/products", content=msgspec.json.encode(body), headers=bearer(key["token"])
    )
    assert response.status_code == 200, response.text
    with shop.ports.store.reading() as tx:
        entry = tx.trail.list_audit(action="product.create", limit=1)[0]
    assert entry.actor_kind == "scoped_api_key"
    assert entry.actor_hash == sha256(key["token"].encode()).hexdigest()
    assert entry.details["actor_id"] == key["id"]


def test_a_revoked_key_is_refused_at_once_and_stays_in_the_list(shop: Shop) -> None:
    key = made(shop)
    path = "/v1/admin/policies?product_slug=x"

    def get() -> httpx.Response:
        return shop.client.get(path, headers=bearer(key["token"]))

    assert get().status_code == 404
    before = shop.audited("api_key.revoke")
    revoked = shop.admin("DELETE", f"/api-keys/{key['id']}")
    assert revoked.keys() == {"ok", "revoked_at"}
    assert get().status_code == 403
    again = shop.admin("DELETE", f"/api-keys/{key['id']}")
    assert again == {"ok": True, "already_revoked": True}
    assert shop.audited("api_key.revoke") == before + 1
    assert rows(shop)[key["id"]]["revoked_at"] == revoked["revoked_at"]
    assert shop.admin("DELETE", "/api-keys/nobody", ok=False).status_code == 404


def test_a_key_revoked_by_another_process_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "keysat.db"
    with running_server(
        path=path, route_handlers=[products.list_products, api_keys.create_api_key]
    ) as server:
        body = {"label": "CI", "role": "read-only"}
        key = server.client.post("/v1/admin/api-keys", json=body, headers=ADMIN).json()
        headers = bearer(key["token"])
        assert server.client.get("/v1/admin/products", headers=headers).status_code == 200
        operator = Actor(kind=ActorKind.CLI, scopes=EVERY_SCOPE)
        with SQLiteStore.open(path, migrate=False) as other:
            revoke_key(operator, key["id"], store=other, clock=server.clock, ids=RandomIds())
        assert server.client.get("/v1/admin/products", headers=headers).status_code == 403


@pytest.mark.betters("B-39")
def test_the_last_use_is_written_once_a_minute_and_only_for_what_was_allowed() -> None:
    with running_shop() as shop:
        key = made(shop)
        headers = bearer(key["token"])
        assert shop.client.post("/v1/admin/products", headers=headers).status_code == 403
        assert rows(shop)[key["id"]]["last_used_at"] is None
        seen = []
        for wait in (0, 59, 1):
            shop.clock.turn(wait)
            assert shop.client.get("/v1/admin/products", headers=headers).status_code == 200
            seen.append(rows(shop)[key["id"]]["last_used_at"])
        assert seen[0] == seen[1] == key["created_at"]
        assert seen[2] > seen[1]


@pytest.mark.parametrize(
    "token",
    [
        "ks_",
        "ks_" + "A" * 42,
        "ks_" + "A" * 44,
        "ks_" + "A" * 43,
        "KS_" + "A" * 43,
        "ks_" + "A" * 42 + "=",
        "ks_" + "é" * 43,
        "ks_" + "A" * 20_000,
        "",
        " ",
    ],
)
def test_what_is_no_token_of_ours_is_forbidden(shop: Shop, token: str) -> None:
    headers = [("authorization", f"Bearer {token}")]
    answer = answered(shop.client, "GET", "/v1/admin/products", headers)
    assert (answer.status, msgspec.json.decode(answer.body)["error"]) == (403, "forbidden")


def test_a_token_must_be_spelled_exactly(shop: Shop) -> None:
    token = made(shop)["token"]
    for spelled, status in (
        (f"bearer {token}", 401),
        (f"Bearer\t{token}", 401),
        (f"Bearer  {token}", 403),
        (f"Bearer {token[:-1]}", 403),
        (f"Bearer {token},Bearer {token}", 403),
        (f"Bearer {token.swapcase()}", 403),
    ):
        response = shop.client.get("/v1/admin/products", headers={"authorization": spelled})
        assert response.status_code == status, spelled


def test_two_authorization_headers_prove_nothing(shop: Shop) -> None:
    good = f"Bearer {made(shop)['token']}"
    for values in ([good, good], [good, ""], ["Basic x", good], ["", ""]):
        headers = [("authorization", value) for value in values]
        assert answered(shop.client, "GET", "/v1/admin/products", headers).status == 401
    headers = [("authorization", good)]
    assert answered(shop.client, "GET", "/v1/admin/products", headers).status == 200


def test_there_is_an_end_to_how_many_keys_there_are() -> None:
    with running_shop() as shop:
        with shop.ports.store.writing() as tx:
            for _ in range(API_KEYS_MAX):
                tx.api_keys.put_key(make_api_key())
            victim = tx.api_keys.list_keys(limit=1).keys[0]
        body = {"label": "one more", "role": "support"}
        refused = shop.admin("POST", "/api-keys", json=body, ok=False)
        assert (refused.status_code, refused.json()["detail"][0]["field"]) == (400, "label")
        shop.admin("DELETE", f"/api-keys/{victim.id}")
        assert shop.admin("POST", "/api-keys", json=body)["token"]
