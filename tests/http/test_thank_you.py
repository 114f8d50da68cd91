"""The page where buyers wait for their license. Source: public-api 14.2."""

import re

import pytest

from keysat_core.domain.setting import OPERATOR_NAME
from keysat_core.ports.sandbox import PretendPayment
from tests.support.markup import Page, read_page
from tests.support.shop import Shop, running_shop


def page(shop: Shop, invoice_id: str | None) -> Page:
    query = {} if invoice_id is None else {"invoice_id": invoice_id}
    response = shop.client.get("/thank-you", params=query)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return read_page(response.text)


def test_an_open_purchase_is_waited_for(shop: Shop) -> None:
    shop.add_product()
    invoice_id = shop.buy()["invoice_id"]
    shown = page(shop, invoice_id)
    assert shown.attributes["purchase"]["data-state"] == "waiting"
    assert shown.refreshes
    assert invoice_id in shown.text
    assert shown.attributes["purchase"]["data-invoice-id"] == invoice_id


def test_a_paid_purchase_shows_its_key(shop: Shop) -> None:
    shop.add_product()
    sold = shop.sell()
    shown = page(shop, sold["invoice_id"])
    assert shown.attributes["purchase"]["data-state"] == "ready"
    assert shown.element_text["license-key"] == sold["license_key"]
    assert not shown.refreshes


@pytest.mark.parametrize("payment", [PretendPayment.EXPIRE, PretendPayment.MARK_INVALID])
def test_a_purchase_that_failed_says_so(shop: Shop, payment: PretendPayment) -> None:
    shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, payment)
    shop.deliver()
    assert page(shop, purchase["invoice_id"]).attributes["purchase"]["data-state"] == "failed"


def test_a_suspended_license_is_not_shown(shop: Shop) -> None:
    shop.add_product()
    sold = shop.sell()
    shop.admin("POST", f"/licenses/{sold['license_id']}/suspend", json={})
    shown = page(shop, sold["invoice_id"])
    assert shown.attributes["purchase"]["data-state"] == "withheld"
    assert sold["license_key"] not in shown.text


@pytest.mark.parametrize("invoice_id", [None, "", "nope", "x" * 5_000, "a\0b", "é"])
def test_an_unknown_purchase_is_a_page_too(shop: Shop, invoice_id: str | None) -> None:
    shown = page(shop, invoice_id)
    assert shown.attributes["purchase"]["data-state"] == "unknown"
    assert len(shown.text) < 4_000


def test_what_a_visitor_writes_is_text(shop: Shop) -> None:
    nasty = "\"><script>alert(1)</script>'&<b>"
    shown = page(shop, nasty)
    assert "alert(1)" not in shown.scripts
    assert shown.attributes["purchase"]["data-invoice-id"] == nasty


def test_the_page_lets_nothing_in_from_elsewhere(shop: Shop) -> None:
    response = shop.client.get("/thank-you")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    nonce = re.search(r"script-src 'nonce-([A-Za-z0-9_-]{22,})'", policy)
    assert nonce is not None
    assert f'<script nonce="{nonce[1]}"' in response.text
    assert nonce[1] not in shop.client.get("/thank-you").text
    assert "unsafe" not in policy
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    shown = read_page(response.text)
    assert shown.scripts == ""
    assert shown.references
    assert all(address.startswith("/static/") for address in shown.references)


def test_every_file_of_the_page_is_served_with_its_type(shop: Shop) -> None:
    types = {}
    for address in read_page(shop.client.get("/thank-you").text).references:
        response = shop.client.get(address)
        assert response.status_code == 200
        assert "max-age" in response.headers["cache-control"]
        types[address.partition("?")[0]] = response.headers["content-type"]
    assert types == {
        "/static/dialogs.js": "text/javascript; charset=utf-8",
        "/static/icon.svg": "image/svg+xml",
        "/static/keysat.css": "text/css; charset=utf-8",
        "/static/thank-you.js": "text/javascript; charset=utf-8",
    }


@pytest.mark.parametrize(
    "path", ["../rendering.py", "..%2frendering.py", "%2e%2e/templates/base.html", "nope", ""]
)
def test_no_other_file_is_served(shop: Shop, path: str) -> None:
    assert shop.client.get(f"/static/{path}").status_code == 404


def test_the_seller_is_named_as_set_while_running(shop: Shop) -> None:
    assert "Configured Shop" in page(shop, None).text
    with shop.ports.store.writing() as tx:
        tx.settings.put_setting(OPERATOR_NAME, "Ann & <Bob>", shop.clock.now())
    assert "Ann & <Bob>" in page(shop, None).text


def test_pretend_money_is_announced_only_where_it_is_pretended(shop: Shop) -> None:
    assert "SANDBOX" in page(shop, None).text
    with running_shop(is_sandbox=False) as real:
        assert "SANDBOX" not in page(real, None).text


def test_the_page_can_be_used_without_eyes_or_scripts(shop: Shop) -> None:
    shop.add_product()
    shown = page(shop, shop.sell()["invoice_id"])
    assert shown.problems == []
    assert shown.attributes["html"]["lang"] == "en"
    assert shown.attributes["toasts"]["role"] == "status"
    assert "hidden" in shown.attributes["copy-key"]


def test_behind_a_proxy_that_strips_a_path_every_link_keeps_it() -> None:
    with running_shop(public_url="https://shop.example/licenses") as shop:
        shop.add_product()
        page = shop.client.get(f"/thank-you?invoice_id={shop.buy()['invoice_id']}").text
        links = re.findall(r'(?:href|src|data-base)="([^"]+)"', page)
        assert len(links) >= 4
        own = [link for link in links if not link.startswith("https://")]
        assert [link for link in own if not link.startswith("/licenses")] == []
