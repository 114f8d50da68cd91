"""``?dry_run=true``: the answer of the real operation, and a shop that is as it was."""

from collections.abc import Iterator
from typing import Any

import pytest

from keysat_core.ports.sandbox import PretendPayment
from tests.support.shop import Shop, running_shop

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as opened:
        opened.add_product("app")
        opened.add_policy("pro")
        yield opened


def everything(shop: Shop) -> dict[str, list[Any]]:
    connection = shop.ports.store._writer.session.connection  # type: ignore[attr-defined]
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return {name: list(connection.execute(f'SELECT * FROM "{name}"')) for (name,) in names}  # noqa: S608


def rehearse(shop: Shop, method: str, path: str, **request: Any) -> dict[str, Any]:
    """Try it, see that nothing came of it, and give the answer without its mark."""
    before = everything(shop)
    answer: dict[str, Any] = shop.admin(method, path, params={"dry_run": "true"}, **request)
    assert everything(shop) == before, path
    assert answer.pop("dry_run") is True, path
    return answer


def test_what_it_answers_is_what_the_operation_answers(shop: Shop) -> None:
    product = shop.add_product("other")
    policy = shop.add_policy("basic")
    code = shop.admin(
        "POST", "/discount-codes", json={"code": "X", "kind": "percent", "amount": 1000}
    )
    license_id = shop.issue()["license_id"]
    endpoint = shop.admin("POST", "/webhook-endpoints", json={"url": "https://hooks.example"})
    profile = shop.admin("POST", "/merchant-profiles", json={"name": "Second"})
    why = {"json": {"reason": "why"}}
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", f"/licenses/{license_id}/suspend", why),
        ("POST", f"/licenses/{license_id}/unsuspend", {}),
        ("POST", f"/licenses/{license_id}/revoke", why),
        ("PATCH", f"/policies/{policy['id']}/archived", {"json": {"archived": True}}),
        ("DELETE", f"/policies/{policy['id']}", {}),
        ("DELETE", f"/products/{product['id']}", {}),
        ("DELETE", f"/discount-codes/{code['id']}", {}),
        ("DELETE", f"/webhook-endpoints/{endpoint['id']}", {}),
        ("DELETE", f"/merchant-profiles/{profile['id']}", {}),
        ("DELETE", f"/merchant-profiles/{profile['id']}/rail-preferences/lightning", {}),
        ("POST", "/btcpay/disconnect", {}),
        ("POST", "/zaprite/disconnect", {}),
    ]
    for method, path, request in steps:
        tried = rehearse(shop, method, path, **request)
        done = shop.admin(method, path, ok=False, **request).json()
        assert {k: v for k, v in done.items() if k != "updated_at"} == {
            k: v for k, v in tried.items() if k != "updated_at"
        }, path


def test_an_expired_invoice_is_settled_and_licensed_only_in_the_answer(shop: Shop) -> None:
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.EXPIRE)
    shop.deliver()
    path = f"/invoices/{purchase['invoice_id']}/settle"
    tried = rehearse(shop, "POST", path, json={"reason": "they paid in cash"})
    assert tried["license_id"]
    assert shop.licenses() == []


def test_it_asks_no_provider(shop: Shop) -> None:
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.PAY)
    path = f"/invoices/{purchase['invoice_id']}/settle"
    before = everything(shop)
    # The provider would say that it is paid; a dry run does not hear it.
    refused = shop.admin("POST", path, ok=False, params={"dry_run": "true"})
    assert refused.status_code == 409
    assert everything(shop) == before


def test_a_tier_is_changed_for_free_only_in_the_answer(shop: Shop) -> None:
    shop.add_policy("top", tier_rank=2)
    license_id = shop.issue(policy_slug="pro")["license_id"]
    path = f"/licenses/{license_id}/change-tier"
    assert rehearse(shop, "POST", path, json={"to_policy_slug": "top"})["ok"] is True
    paid = {"to_policy_slug": "top", "skip_payment": False}
    refused = shop.admin("POST", path, ok=False, params={"dry_run": "true"}, json=paid)
    assert (refused.status_code, refused.json()["detail"][0]["field"]) == (400, "dry_run")


def test_what_cannot_be_rehearsed_is_refused_and_not_done(shop: Shop) -> None:
    before = everything(shop)
    for path in ("/licenses", "/products", "/rates/refresh", "/zaprite/connect"):
        answer = shop.admin(
            "POST", path, ok=False, params={"dry_run": "true"}, json={"product_slug": "app"}
        )
        assert answer.status_code == 400, path
    assert everything(shop) == before


def test_a_word_that_is_neither_true_nor_false_does_nothing(shop: Shop) -> None:
    license_id = shop.issue()["license_id"]
    path = f"/licenses/{license_id}/revoke"
    answer = shop.admin("POST", path, ok=False, params={"dry_run": "yes"}, json={})
    assert answer.status_code == 400
    assert shop.license(license_id).status == "active"
    done = shop.admin("POST", path, params={"dry_run": "false"}, json={})
    assert done == {"ok": True}


def test_an_unknown_thing_is_as_unknown_as_ever(shop: Shop) -> None:
    for path in (f"/licenses/{NOBODY}/revoke", f"/machines/{NOBODY}/deactivate"):
        answer = shop.admin("POST", path, ok=False, params={"dry_run": "true"}, json={})
        assert answer.status_code == 404


def test_the_document_says_which_operations_take_it(shop: Shop) -> None:
    paths = shop.client.get("/v1/openapi.json").json()["paths"]
    takes = {
        operation["operationId"]
        for item in paths.values()
        for operation in item.values()
        if any(one["name"] == "dry_run" for one in operation.get("parameters", []))
    }
    deletes = {item["delete"]["operationId"] for item in paths.values() if "delete" in item}
    assert deletes <= takes
    assert takes - deletes == {
        "revoke_license", "suspend", "unsuspend", "set_policy_archived", "deactivate_machine",
        "cancel_subscription", "settle_invoice_by_hand", "change_license_tier", "stop_btcpay",
        "disconnect_zaprite_account", "end_other_web_sessions",
    }  # fmt: skip
