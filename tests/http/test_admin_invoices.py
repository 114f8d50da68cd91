"""Invoices, as operators see and settle them. Source: decisions 17 and 18; payments 9.3."""

import dataclasses
from threading import Event
from typing import Any

import pytest
from msgspec.structs import replace

from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.payment import ProviderReport, ProviderStatus
from keysat_core.errors import ProviderNotLoaded, ProviderUnavailable
from keysat_core.ports.sandbox import PretendPayment
from keysat_core.use_cases.purchases.settle_by_hand import SettleByHand
from keysat_http.by_hand import ask_provider, take_word
from keysat_http.reconciling import reconcile_invoices
from tests.support.http import ADMIN
from tests.support.shop import Shop, running_shop
from tests.support.trade import OPERATOR
from tests.support.watched_store import WatchedStore

LATE = "/settings/accept-late-payments"
DOWN = ProviderUnavailable("read invoice", "timeout")


def refused(shop: Shop, method: str, path: str, **request: Any) -> tuple[int, str, str]:
    response = shop.admin(method, path, ok=False, **request)
    body = response.json()
    return response.status_code, body["error"], body["code"]


def found(shop: Shop, query: str = "") -> list[str]:
    listed = shop.admin("GET", f"/invoices?{query}")
    return [row["id"] for row in listed["invoices"]]


def settle(shop: Shop, invoice_id: str, **body: Any) -> Any:
    return shop.admin("POST", f"/invoices/{invoice_id}/settle", json=body)


def expired(shop: Shop, *, is_paid_late: bool = False) -> dict[str, Any]:
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.EXPIRE)
    shop.deliver()
    if is_paid_late:
        shop.act(purchase, PretendPayment.PAY_LATE)
        shop.deliver()
    return purchase


def test_one_invoice_is_shown_whole(shop: Shop) -> None:
    product = shop.add_product(price_currency="USD", price_value=1_999)
    policy = shop.add_policy("pro")
    shop.pin_rate("USD", "50000")
    purchase = shop.buy(
        policy_slug="pro", buyer_email="Ann@example.com", buyer_note="hi", rail="lightning"
    )
    shown = shop.admin("GET", f"/invoices/{purchase['invoice_id']}")
    assert shown == {
        "id": purchase["invoice_id"],
        "product_id": product["id"],
        "product_slug": "app",
        "policy_id": policy["id"],
        "policy_slug": "pro",
        "status": "pending",
        "attention": None,
        "amount_sats": 39_980,
        "base_price_sats": 39_980,
        "listed_currency": "USD",
        "listed_value": 1_999,
        "exchange_rate_centibps": 500_000_000,
        "exchange_rate_source": shown["exchange_rate_source"],
        "rail": "lightning",
        "buyer_email": "Ann@example.com",
        "buyer_note": "hi",
        "payment_provider_id": shop.account_id,
        "payment_provider_kind": "sandbox",
        "payment_provider_label": shown["payment_provider_label"],
        "payment_provider_connected": True,
        "provider_invoice_id": purchase["btcpay_invoice_id"],
        "provider_status_raw": None,
        "checkout_url": purchase["checkout_url"],
        "license_id": None,
        "settled_by": None,
        "created_at": "2027-01-15T08:00:00Z",
        "updated_at": "2027-01-15T08:00:00Z",
        "settled_at": None,
        "effect_at": None,
        "last_checked_at": None,
    }
    assert shown["exchange_rate_source"]
    assert shown["payment_provider_label"]
    shop.act(purchase, PretendPayment.PAY)
    shop.deliver()
    paid = shop.admin("GET", f"/invoices/{purchase['invoice_id']}")
    assert (paid["status"], paid["settled_by"]) == ("settled", "provider")
    assert paid["license_id"] == shop.poll(purchase["invoice_id"])["license_id"]
    assert refused(shop, "GET", "/invoices/nope") == (404, "not_found", "not_found")


def test_the_list_takes_every_filter_and_counts_what_matches(shop: Shop) -> None:
    first = shop.add_product("one")
    shop.add_product("two")
    sold = shop.sell("one", buyer_email="Ann@Example.com")["invoice_id"]
    shop.clock.turn(1)
    open_ = shop.buy("two")
    other = open_["invoice_id"]
    for query, expected in (
        ("", [other, sold]),
        ("status=settled", [sold]),
        (f"product_id={first['id']}", [sold]),
        ("product_slug=two", [other]),
        (f"product_slug=two&product_id={first['id']}", [sold]),
        ("buyer_email=ann@example.COM", [sold]),
        ("email=ann@example.com", [sold]),
        (f"invoice_id={sold}", [sold]),
        (f"invoice={open_['btcpay_invoice_id']}", [other]),
        (f"payment_provider_id={shop.account_id}", [other, sold]),
        ("payment_provider_id=other", []),
        ("needs_attention=true", []),
        ("status=pending&email=ann@example.com", []),
        ("product_id=&email=&invoice=&needs_attention=false&limit=1", [other]),
        ("limit=1&offset=1", [sold]),
        (f"limit={10**20}&offset=-1", [other, sold]),
    ):
        assert found(shop, query) == expected, query
    page = shop.admin("GET", "/invoices?limit=1&offset=1")
    assert (page["total"], page["limit"], page["offset"]) == (2, 1, 1)
    assert refused(shop, "GET", "/invoices?status=paid")[:2] == (400, "bad_request")
    assert refused(shop, "GET", "/invoices?needs_attention=maybe")[:2] == (400, "bad_request")
    assert refused(shop, "GET", "/invoices?product_slug=nope")[:2] == (404, "not_found")


def test_a_late_payment_is_pointed_out_and_settled_by_hand_once(shop: Shop) -> None:
    shop.add_product()
    invoice_id = expired(shop, is_paid_late=True)["invoice_id"]
    assert found(shop, "needs_attention=true") == [invoice_id]
    assert shop.admin("GET", f"/invoices/{invoice_id}")["attention"] == "paid_late"
    done = settle(shop, invoice_id, reason="it is here")
    assert done.keys() == {"ok", "invoice", "license_id"}
    assert (done["ok"], done["invoice"]["status"]) == (True, "settled")
    assert done["invoice"]["settled_by"] == "operator"
    assert done["license_id"] == done["invoice"]["license_id"] == shop.licenses()[0].id
    again = settle(shop, invoice_id)
    assert again == done | {"already": "settled"}
    assert len(shop.licenses()) == shop.audited("invoice.settle_by_hand") == 1
    assert found(shop, "needs_attention=true") == []
    assert shop.validate(shop.poll(invoice_id)["license_key"])["ok"] is True


def test_settling_by_hand_asks_the_provider_first(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.PAY)
    done = settle(shop, purchase["invoice_id"])
    assert "already" not in done
    assert done["invoice"]["settled_by"] == "provider"
    assert done["license_id"]
    assert shop.audited("invoice.settle_by_hand") == 0


def test_what_can_still_be_paid_is_refused_unless_it_is_forced(shop: Shop) -> None:
    shop.add_product()
    invoice_id = shop.buy()["invoice_id"]
    path = f"/invoices/{invoice_id}/settle"
    assert refused(shop, "POST", path, json={}) == (409, "conflict", "still_payable")
    shop.providers.failure = DOWN
    response = shop.admin("POST", path, ok=False, json={"reason": None})
    assert response.status_code == 409
    assert "could not be asked" in response.json()["message"]
    assert settle(shop, invoice_id, force=True)["license_id"]


@pytest.mark.parametrize("failure", [DOWN, ProviderNotLoaded("sandbox", "load it")])
def test_a_provider_without_an_answer_keeps_nothing_from_being_settled(
    shop: Shop, failure: ProviderUnavailable | ProviderNotLoaded
) -> None:
    shop.add_product()
    invoice_id = expired(shop)["invoice_id"]
    shop.providers.failure = failure
    assert settle(shop, invoice_id)["license_id"]


def test_a_provider_that_hangs_is_not_waited_for() -> None:
    with running_shop(purchase_seconds=0.2) as shop:
        shop.add_product()
        invoice_id = expired(shop)["invoice_id"]
        shop.providers.gate = Event()
        assert settle(shop, invoice_id)["license_id"]
        shop.providers.gate.set()
        shop.providers.gate = None
        assert settle(shop, invoice_id)["already"] == "settled"
        assert len(shop.licenses()) == 1


def test_what_another_settled_meanwhile_is_settled_already(shop: Shop) -> None:
    """Also when the answer that came too late tells which invoice it is at its provider."""
    shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.PAY)
    invoice_id = InvoiceId(purchase["invoice_id"])
    store = shop.ports.store
    with store.writing() as tx:
        lacking = replace(tx.invoices.get_invoice(invoice_id), provider_invoice_id=None)
        tx.invoices.put_invoice(lacking)
    command = SettleByHand(invoice_id=invoice_id, is_forced=True)
    watched = WatchedStore(store)

    def another_settles() -> None:
        assert not take_word(shop.ports, OPERATOR, command, None).is_already

    watched.before_writing = another_settles
    asked = ask_provider(dataclasses.replace(shop.ports, store=watched), OPERATOR, invoice_id)
    assert asked is not None
    assert asked.invoice.provider_invoice_id == purchase["btcpay_invoice_id"]
    assert take_word(shop.ports, OPERATOR, command, asked).is_already
    assert len(shop.licenses()) == 1


def test_a_free_sale_is_settled_already(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy("free", price_sats_override=0)
    free = shop.buy(policy_slug="free")
    assert settle(shop, free["invoice_id"])["already"] == "settled"


def test_every_field_of_settling_is_optional_and_so_is_the_body(shop: Shop) -> None:
    shop.add_product()
    done = shop.admin("POST", f"/invoices/{expired(shop)['invoice_id']}/settle")
    assert done["invoice"]["settled_by"] == "operator"
    path = f"/invoices/{shop.buy()['invoice_id']}/settle"
    # Without a word of force.
    assert refused(shop, "POST", path) == (409, "conflict", "still_payable")
    assert refused(shop, "POST", path, content=b"{")[:2] == (400, "bad_request")


def test_settling_needs_an_invoice_and_a_readable_body(shop: Shop) -> None:
    shop.add_product()
    assert refused(shop, "POST", "/invoices/nope/settle", json={})[:2] == (404, "not_found")
    path = f"/invoices/{shop.buy()['invoice_id']}/settle"
    assert refused(shop, "POST", path, json={"force": "yes"})[:2] == (400, "bad_request")


@pytest.mark.parametrize(
    ("is_final", "is_on", "status", "attention"),
    [
        (False, True, "expired", "paid_late"),
        (True, True, "settled", None),
        (True, False, "expired", "paid_late"),
    ],
)
def test_a_late_payment_is_taken_when_it_is_final_and_wanted(
    shop: Shop, *, is_final: bool, is_on: bool, status: str, attention: str | None
) -> None:
    shop.add_product()
    invoice_id = expired(shop)["invoice_id"]
    assert shop.admin("GET", LATE) == {"enabled": False}
    if is_on:
        assert shop.admin("POST", LATE, json={"enabled": True}) == {"enabled": True}
    shop.providers.report = ProviderReport(
        status=ProviderStatus.EXPIRED, is_paid_late=True, is_late_final=is_final, raw_status="Late"
    )
    for _ in range(2):
        shop.clock.turn(900)
        reconcile_invoices(shop.ports)
    shown = shop.admin("GET", f"/invoices/{invoice_id}")
    assert (shown["status"], shown["attention"]) == (status, attention)
    assert len(shop.licenses()) == (status == "settled")


def test_late_payments_are_chosen_with_the_master_key_alone() -> None:
    scopes = frozenset(Scope) - {Scope.MASTER}
    with running_shop(scopes=scopes) as shop:
        scoped = {"authorization": "Bearer scoped"}
        path = f"/v1/admin{LATE}"
        assert shop.client.get(path, headers=scoped).json() == {"enabled": False}
        answer = shop.client.post(path, headers=scoped, json={"enabled": True})
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
        assert shop.client.post(path, headers=ADMIN, json={}).status_code == 400
        assert shop.audited("setting.accept_late_payments") == 0
        shop.admin("POST", LATE, json={"enabled": True})
        assert shop.audited("setting.accept_late_payments") == 1


def test_without_the_scope_nobody_asks_the_provider() -> None:
    with running_shop(scopes=frozenset({Scope.INVOICES_READ})) as shop:
        shop.add_product()
        purchase = shop.buy()
        shop.act(purchase, PretendPayment.PAY)
        scoped = {"authorization": "Bearer scoped"}
        path = f"/v1/admin/invoices/{purchase['invoice_id']}"
        assert shop.client.get(path, headers=scoped).status_code == 200
        answer = shop.client.post(f"{path}/settle", headers=scoped, json={})
        assert answer.status_code == 403
        assert shop.poll(purchase["invoice_id"])["status"] == "pending"
