"""What the screen of an invoice offers, by how the invoice stands."""

from collections.abc import Iterator

import pytest

from keysat_core.ports.sandbox import PretendPayment
from tests.support.http import ADMIN
from tests.support.operation_calls import Stock, stocked_shop
from tests.support.shop import Shop, running_shop


@pytest.fixture(scope="module")
def stock() -> Iterator[Stock]:
    with stocked_shop() as stock:
        yield stock


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as shop:
        yield shop


def screen(shop: Shop, invoice_id: str) -> str:
    answer = shop.client.get(f"/admin/invoices/{invoice_id}", headers=ADMIN)
    assert answer.status_code == 200
    return answer.text


def test_settling_an_open_invoice_asks_first_and_on_ones_word_is_another_button(shop: Shop) -> None:
    shop.add_product()
    shown = screen(shop, shop.buy()["invoice_id"])
    assert "Settle if it was paid" in shown
    assert "Settle without payment?" in shown
    assert "has ended" not in shown


def test_settling_an_ended_invoice_is_said_to_be_on_ones_word(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.EXPIRE)
    shop.deliver()
    shown = screen(shop, purchase["invoice_id"])
    assert "Settle if it was paid" not in shown
    assert "this invoice has ended: it is settled and delivered now on your word" in shown
    path = f"/invoices/{purchase['invoice_id']}/settle"
    shop.admin("POST", path, json={"reason": "as the screen asks"})
    assert shop.poll(purchase["invoice_id"])["license_key"]
    assert "on my word" not in screen(shop, purchase["invoice_id"])


def test_a_card_that_the_buyer_saved_is_offered_by_the_invoice_it_was_saved_with(
    stock: Stock,
) -> None:
    names = stock.names
    shown = screen(stock.shop, names["invoice_id"])
    assert f'<option value="{names["saved_invoice_id"]}">' in shown
    assert f"POST /v1/admin/invoices/{names['invoice_id']}/charge" in shown
    body = {"saved_invoice_id": names["saved_invoice_id"]}
    stock.shop.admin("POST", f"/invoices/{names['invoice_id']}/charge", json=body)
    assert stock.zaprite.fake.charges(names["invoice_id"]) == 1


def test_a_key_is_on_the_screen_of_its_license_only_when_it_is_asked_for(shop: Shop) -> None:
    shop.add_product()
    issued = shop.issue()
    path = f"/admin/licenses/{issued['license_id']}"
    assert issued["license_key"] not in shop.client.get(path, headers=ADMIN).text
    asked = shop.client.get(path, params={"key": "show"}, headers=ADMIN).text
    assert issued["license_key"] in asked
