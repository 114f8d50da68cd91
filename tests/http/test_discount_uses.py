"""Uses of a code while a sale is paid at BTCPay, or is not. Source: lifecycles 6.4; payments 17."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import InvoiceStatus
from keysat_http.freeing import free_slots
from tests.simulators.btcpay.invoices import Rail
from tests.simulators.fault_plan import Answer, Timeout
from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop

HOUR = 3_600


@pytest.fixture
def shop() -> Iterator[BTCPayShop]:
    with running_btcpay_shop() as opened:
        yield opened


def add(shop: BTCPayShop, **fields: Any) -> str:
    body = {"code": "SAVE", "kind": "percent", "amount": 5_000, "max_uses": 1} | fields
    made = shop.shop.admin("POST", "/discount-codes", json=body)
    return str(made["id"])


def uses(shop: BTCPayShop, code_id: str) -> tuple[int, list[str]]:
    """How many uses are counted, and what became of each."""
    detail = shop.shop.admin("GET", f"/discount-codes/{code_id}")
    return detail["code"]["used_count"], [one["status"] for one in detail["redemptions"]]


def is_refused(shop: BTCPayShop) -> bool:
    answer = shop.shop.post("/v1/purchase", product="app", code="SAVE")
    return answer.status_code == 400


@pytest.mark.defects("D17")
@pytest.mark.rows(2)
def test_a_use_is_held_as_long_as_the_payment_may_arrive(shop: BTCPayShop) -> None:
    code = add(shop)
    bought = shop.buy(code="SAVE")
    shop.pay(bought, rail=Rail.ON_CHAIN)
    for _ in range(9):
        shop.tick(10 * 60)
        free_slots(shop.shop.ports)
        assert uses(shop, code) == (1, ["pending"])
        assert is_refused(shop)
    shop.fake.confirm(bought["btcpay_invoice_id"], 6)
    shop.tick(60)
    assert shop.shop.poll(bought["invoice_id"])["license_key"]
    assert uses(shop, code) == (1, ["redeemed"])


@pytest.mark.rows(10)
def test_a_use_comes_back_when_the_time_to_pay_is_over(shop: BTCPayShop) -> None:
    code = add(shop)
    bought = shop.buy(code="SAVE")
    shop.pay(bought, sats=100)
    shop.tick(HOUR)
    assert shop.shop.poll(bought["invoice_id"])["status"] == "expired"
    assert uses(shop, code) == (0, ["cancelled"])
    assert not is_refused(shop)


@pytest.mark.rows(17)
def test_a_use_comes_back_when_a_payment_never_confirms(shop: BTCPayShop) -> None:
    code = add(shop)
    bought = shop.buy(code="SAVE")
    shop.pay(bought, rail=Rail.ON_CHAIN)
    shop.tick(30 * 24 * HOUR)
    assert shop.shop.invoice(bought["invoice_id"]).status is InvoiceStatus.INVALID
    assert uses(shop, code) == (0, ["cancelled"])


@pytest.mark.defects("D17")
@pytest.mark.rows(14)
def test_who_pays_late_gets_the_code_even_beyond_its_limit(shop: BTCPayShop) -> None:
    code = add(shop)
    bought = shop.buy(code="SAVE")
    shop.tick(HOUR)
    other = shop.buy(code="SAVE")
    shop.pay(other)
    shop.tick(60)
    assert uses(shop, code) == (1, ["redeemed", "cancelled"])
    shop.pay(bought)
    shop.fake.mark(bought["btcpay_invoice_id"], "Settled")
    shop.tick(60)
    assert shop.shop.poll(bought["invoice_id"])["license_key"]
    assert uses(shop, code) == (2, ["redeemed", "redeemed"])


@pytest.mark.rows(23)
@pytest.mark.parametrize("status", [400, 403, 422])
def test_a_use_comes_back_when_the_provider_refuses_the_invoice(
    shop: BTCPayShop, status: int
) -> None:
    code = add(shop)
    shop.fake.faults.on_call("create_invoice", Answer(status=status, body={}))
    answer = shop.shop.post("/v1/purchase", product="app", code="SAVE")
    assert answer.status_code == 502
    assert uses(shop, code) == (0, ["cancelled"])
    assert not is_refused(shop)


@pytest.mark.defects("D42")
@pytest.mark.rows(22)
def test_a_use_is_not_lost_with_the_answer_of_the_provider(shop: BTCPayShop) -> None:
    """The same is left behind by a process that dies before the provider is called."""
    code = add(shop)
    shop.fake.faults.on_call("create_invoice", Timeout())
    assert shop.shop.post("/v1/purchase", product="app", code="SAVE").status_code == 502
    assert uses(shop, code) == (1, ["pending"])
    shop.tick(HOUR)
    assert uses(shop, code) == (0, ["cancelled"])
    assert not is_refused(shop)


@pytest.mark.defects("D17")
def test_the_job_gives_back_what_has_waited_three_days_and_nothing_younger(
    shop: BTCPayShop,
) -> None:
    code = add(shop)
    shop.buy(code="SAVE")
    # Nobody reaches BTCPay any more, so nobody learns that the invoice has ended.
    shop.fake.faults.choose_call = lambda _: Timeout()
    shop.clock.turn(71 * HOUR)
    assert free_slots(shop.shop.ports).items == 0
    assert uses(shop, code) == (1, ["pending"])
    shop.clock.turn(2 * HOUR)
    assert free_slots(shop.shop.ports).items == 1
    assert uses(shop, code) == (0, ["cancelled"])
    assert free_slots(shop.shop.ports).items == 0


@pytest.mark.defects("D17")
@pytest.mark.parametrize("said", ["Processing", "Processing/PaidOver", "PROCESSING"])
def test_the_job_leaves_what_is_being_paid(shop: BTCPayShop, said: str) -> None:
    code = add(shop)
    invoice = shop.shop.invoice(shop.buy(code="SAVE")["invoice_id"])
    with shop.shop.ports.store.writing() as tx:
        created_at = Instant(invoice.created_at - 100 * HOUR)
        kept = msgspec.structs.replace(invoice, provider_status_raw=said, created_at=created_at)
        tx.invoices.put_invoice(kept)
    assert free_slots(shop.shop.ports).items == 0
    assert uses(shop, code) == (1, ["pending"])
