"""The pretend checkout."""

from typing import Any

import pytest

from keysat_core.ports.sandbox import PretendPayment
from tests.support.http import PUBLIC_URL
from tests.support.markup import Page, read_page
from tests.support.shop import Shop, running_shop


def path_of(purchase: dict[str, Any]) -> str:
    url: str = purchase["checkout_url"]
    assert url.startswith(PUBLIC_URL)
    return url.removeprefix(PUBLIC_URL)


def page(shop: Shop, path: str) -> Page:
    response = shop.client.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    return read_page(response.text)


def test_a_pretend_invoice_is_shown_with_everything_that_can_be_done(shop: Shop) -> None:
    shop.add_product(price_sats=1_234_567)
    path = path_of(shop.buy())
    shown = page(shop, path)
    assert "SANDBOX" in shown.text
    assert "1,234,567 sats" in shown.text
    assert shown.forms == [("post", f"{path}/{payment.value}") for payment in PretendPayment]
    assert shown.problems == []
    assert shown.scripts == ""


@pytest.mark.parametrize("payment", list(PretendPayment))
def test_every_button_leads_back_to_the_invoice(shop: Shop, payment: PretendPayment) -> None:
    shop.add_product()
    path = path_of(shop.buy())
    response = shop.client.post(f"{path}/{payment}", data={})
    assert response.status_code == 303
    assert response.headers["location"].partition("?")[0] == path
    page(shop, response.headers["location"])


def test_paying_leads_on_to_the_license() -> None:
    with running_shop(delivers_at_once=True) as shop:
        shop.add_product()
        purchase = shop.buy()
        path = path_of(purchase)
        back = shop.client.post(f"{path}/pay").headers["location"]
        (link,) = page(shop, back).links
        assert link == f"{PUBLIC_URL}/thank-you?invoice_id={purchase['invoice_id']}"
        thanks = read_page(shop.client.get(link.removeprefix(PUBLIC_URL)).text)
        key = shop.poll(purchase["invoice_id"])["license_key"]
        assert thanks.element_text["license-key"] == key
        assert shop.validate(key)["ok"] is True


def test_what_is_not_possible_is_said_on_the_page(shop: Shop) -> None:
    shop.add_product()
    path = path_of(shop.buy())
    shop.client.post(f"{path}/pay")
    back = shop.client.post(f"{path}/expire").headers["location"]
    assert back == f"{path}?refused=expire"
    assert "is not possible" in page(shop, back).text
    assert "is not possible" not in page(shop, f"{path}?refused=nonsense").text


def test_an_unknown_invoice_or_action_is_refused(shop: Shop) -> None:
    shop.add_product()
    path = path_of(shop.buy())
    assert shop.client.get("/sandbox/checkout/nope").status_code == 404
    assert shop.client.post("/sandbox/checkout/nope/pay").status_code == 404
    assert shop.client.post(f"{path}/steal").status_code == 400
