"""Cards that payers of recurring tiers saved are found. Source: payments 7.6."""

from collections.abc import Iterator

import msgspec
import pytest

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.saved_payment import CaptureState
from keysat_http.leasing import Work
from keysat_http.shop_ticks import shop_ticks
from tests.simulators.fault_plan import Answer, CallAction, Timeout
from tests.support.shop import running_shop
from tests.support.watched_store import WatchedStore
from tests.support.zaprite_shop import ZapriteShop, running_zaprite_shop


@pytest.fixture
def shop() -> Iterator[ZapriteShop]:
    with running_zaprite_shop() as opened:
        yield opened


def test_a_card_that_is_there_at_once_is_found_at_once(shop: ZapriteShop) -> None:
    sold = shop.sell_recurring()
    wanted = shop.saved(sold)
    assert wanted is not None
    assert (wanted.state, wanted.next_at) == (CaptureState.WANTED, shop.clock.now())
    assert shop.capture() == Work(items=1)
    found = shop.saved(sold)
    assert found is not None
    assert found.state is CaptureState.SAVED
    assert found.profile is not None
    assert found.profile.method == "CARD"
    assert shop.shop.audited("invoice.payment_saved") == 1
    assert [one.event_type for one in shop.shop.events()].count("invoice.payment_saved") == 1
    assert shop.capture() == Work()


@pytest.mark.rows(40)
def test_a_card_that_appears_half_a_minute_later_is_found_then(shop: ZapriteShop) -> None:
    sold = shop.sell_recurring(after=30)
    shop.capture()
    saved = shop.saved(sold)
    assert saved is not None
    assert (saved.state, saved.looks) == (CaptureState.WANTED, 1)
    assert shop.capture() == Work()
    shop.clock.turn(30)
    shop.capture()
    saved = shop.saved(sold)
    assert saved is not None
    assert saved.state is CaptureState.SAVED


def test_a_card_is_looked_for_also_when_the_operator_settled_the_sale(shop: ZapriteShop) -> None:
    sold = shop.buy(policy_slug="monthly", buyer_email="ada@example.com")
    shop.fake.attach_profile(sold["btcpay_invoice_id"])
    shop.fake.set_status(sold["btcpay_invoice_id"], "UNDERPAID")
    shop.shop.admin("POST", f"/invoices/{sold['invoice_id']}/settle", json={"force": True})
    shop.capture()
    saved = shop.saved(sold)
    assert saved is not None
    assert saved.state is CaptureState.SAVED


def test_after_an_hour_it_is_given_up(shop: ZapriteShop) -> None:
    sold = shop.sell_recurring(attaches=False)
    looked_at = []
    for second in range(0, 4_000, 10):
        if shop.capture().items:
            looked_at.append(second)
        shop.clock.turn(10)
    assert looked_at == [0, 30, 300, 3_600]
    saved = shop.saved(sold)
    assert saved is not None
    assert saved.state is CaptureState.MISSING


def test_what_is_not_recurring_is_not_looked_for(shop: ZapriteShop) -> None:
    purchase = shop.buy(buyer_email="ada@example.com")
    shop.fake.pay(purchase["btcpay_invoice_id"])
    shop.fake.deliver_due()
    assert shop.status(purchase) == "settled"
    assert shop.saved(purchase) is None
    assert shop.calls("create_contact") == 0


@pytest.mark.parametrize("action", [Timeout(), Answer(500), Answer(401)])
def test_a_zaprite_that_does_not_answer_is_asked_again(
    shop: ZapriteShop, action: CallAction
) -> None:
    sold = shop.sell_recurring()
    shop.fake.faults.on_call("get_contact", action, count=None)
    shop.capture()
    saved = shop.saved(sold)
    assert saved is not None
    assert (saved.state, saved.looks) == (CaptureState.WANTED, 0)
    shop.fake.faults.clear()
    shop.clock.turn(300)
    shop.capture()
    saved = shop.saved(sold)
    assert saved is not None
    assert saved.state is CaptureState.SAVED


def test_it_is_not_asked_for_ever(shop: ZapriteShop) -> None:
    sold = shop.sell_recurring()
    shop.fake.faults.on_call("get_order", Timeout(), count=None)
    shop.clock.turn(3 * 86_400)
    shop.capture()
    saved = shop.saved(sold)
    assert saved is not None
    assert saved.state is CaptureState.MISSING


def test_a_contact_that_is_gone_counts_as_a_look(shop: ZapriteShop) -> None:
    sold = shop.sell_recurring()
    shop.fake.faults.on_call("get_contact", Answer(404))
    shop.capture()
    saved = shop.saved(sold)
    assert saved is not None
    assert (saved.state, saved.looks) == (CaptureState.WANTED, 1)


def test_a_disconnected_account_is_not_asked(shop: ZapriteShop) -> None:
    sold = shop.sell_recurring()
    shop.shop.admin("POST", "/zaprite/disconnect")
    shop.capture()
    saved = shop.saved(sold)
    assert saved is not None
    assert saved.state is CaptureState.MISSING


def test_a_sale_deleted_meanwhile_does_no_harm(shop: ZapriteShop) -> None:
    sold = shop.sell_recurring()
    shop.capture()
    shop.shop.delete_product_row(shop.shop.invoice(sold["invoice_id"]).product_id)
    assert shop.saved(sold) is None
    assert shop.capture() == Work()


def test_a_sale_deleted_while_zaprite_is_asked_does_no_harm(shop: ZapriteShop) -> None:
    sold = shop.sell_recurring()
    ports = shop.shop.ports
    whole = ports.store
    watched = WatchedStore(whole)

    def delete() -> None:
        shop.shop.delete_product_row(shop.shop.invoice(sold["invoice_id"]).product_id)

    watched.before_writing = delete
    object.__setattr__(ports, "store", watched)
    assert shop.capture() == Work(items=1)
    object.__setattr__(ports, "store", whole)
    assert shop.saved(sold) is None


def test_what_was_never_kept_at_a_provider_is_given_up(shop: ZapriteShop) -> None:
    sold = shop.sell_recurring()
    with shop.shop.ports.store.writing() as tx:
        invoice = tx.invoices.get_invoice(InvoiceId(sold["invoice_id"]))
        tx.invoices.put_invoice(msgspec.structs.replace(invoice, provider_invoice_id=None))
    shop.capture()
    saved = shop.saved(sold)
    assert saved is not None
    assert saved.state is CaptureState.MISSING
    assert shop.capture() == Work()


def test_the_tick_looks_only_when_there_is_something_to_look_for(shop: ZapriteShop) -> None:
    (tick,) = [tick for tick in shop_ticks(shop.shop.ports) if tick.name == "saved_payments"]
    assert tick.is_shared
    assert tick.has_work is not None
    assert not tick.has_work()
    shop.sell_recurring()
    assert tick.has_work()
    assert tick.run() == Work(items=1)
    assert not tick.has_work()


def test_the_operator_lists_saved_cards_and_charges_one_once(shop: ZapriteShop) -> None:
    sold = shop.sell_recurring()
    shop.capture()
    (listed,) = shop.shop.admin("GET", "/zaprite/saved-payments")["saved_payments"]
    assert (listed["invoice_id"], listed["state"]) == (sold["invoice_id"], "saved")
    due = shop.buy(policy_slug="monthly", buyer_email="ada@example.com")
    path = f"/invoices/{due['invoice_id']}/charge"
    wish = {"saved_invoice_id": sold["invoice_id"]}
    charged = shop.shop.admin("POST", path, json=wish)
    assert (charged["charge"], charged["already"]) == ("charged", False)
    assert charged["invoice_status"] == "settled"
    again = shop.shop.admin("POST", path, json=wish)
    assert (again["charge"], again["already"]) == ("charged", True)
    assert shop.fake.charges(due["invoice_id"]) == 1
    nothing = {"saved_invoice_id": due["invoice_id"]}
    other = shop.buy(policy_slug="monthly", buyer_email="ada@example.com")
    path = f"/invoices/{other['invoice_id']}/charge"
    assert shop.shop.admin("POST", path, ok=False, json=nothing).status_code == 404


def test_without_zaprite_nothing_is_charged() -> None:
    with running_shop() as shop:
        answer = shop.admin("POST", "/invoices/x/charge", ok=False, json={"saved_invoice_id": "y"})
        assert (answer.status_code, answer.json()["error"]) == (503, "btcpay_not_configured")
