"""Saved cards are charged for another invoice, once. Source: payments 7.6."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.saved_payment import ChargeState
from keysat_core.errors import (
    InvariantError,
    NotFound,
    ProviderNotLoaded,
    ProviderRefused,
    ProviderUnavailable,
)
from tests.simulators.fault_plan import Answer, CallAction, Timeout
from tests.simulators.zaprite.charge_outcome import (
    ABSENT,
    TIMEOUT_AFTER_CHARGING,
    TIMEOUT_BEFORE_CHARGING,
    ChargeOutcome,
    answered,
    refused,
)
from tests.simulators.zaprite.fake_zaprite import FakeZaprite
from tests.support.watched_store import Killed, WatchedStore
from tests.support.zaprite_shop import ZapriteShop, running_zaprite_shop


@pytest.fixture
def shop() -> Iterator[ZapriteShop]:
    with running_zaprite_shop() as opened:
        yield opened


def renewal(shop: ZapriteShop, **fields: Any) -> dict[str, Any]:
    """An open invoice such as a renewal makes: its order belongs to no contact."""
    return shop.buy(buyer_email="ada@example.com", **fields)


@pytest.fixture
def saved(shop: ZapriteShop) -> dict[str, Any]:
    sold = shop.sell_recurring()
    shop.capture()
    return sold


@pytest.mark.parametrize("status", ["PAID", "COMPLETE", "OVERPAID"])
def test_a_charge_that_is_confirmed_settles_by_a_look_of_its_own(
    shop: ZapriteShop, saved: dict[str, Any], status: str
) -> None:
    due = renewal(shop)
    shop.fake.charging.script(answered(status))
    charged = shop.charge(due, saved)
    assert (charged.charge.state, charged.is_new) == (ChargeState.CHARGED, True)
    assert charged.charge.raw_status == status
    # Nothing follows from the answer alone.
    assert shop.status(due) == "pending"
    assert shop.shop.audited("subscription.auto_charge_initiated") == 1
    shop.tick(10)
    assert shop.status(due) == "settled"
    assert shop.fake.charges(due["btcpay_invoice_id"]) == 1


@pytest.mark.parametrize(
    "status",
    [
        "PENDING", "PROCESSING", "FAILED", "DECLINED", "EXPIRED", "CANCELED", "REFUNDED", "", None,
        42, "paid", ABSENT,
    ],
)  # fmt: skip
@pytest.mark.rows(38)
def test_any_other_answer_charged_nothing(
    shop: ZapriteShop, saved: dict[str, Any], status: object
) -> None:
    due = renewal(shop)
    shop.fake.charging.script(answered(status))
    charged = shop.charge(due, saved)
    assert charged.charge.state is ChargeState.NOT_CHARGED
    shop.tick(10)
    assert shop.status(due) == "pending"
    assert shop.shop.audited("subscription.auto_charge_initiated") == 0
    assert shop.shop.audited("subscription.auto_charge_declined") == 1
    # It is still open: paid by hand, it settles.
    shop.fake.pay(due["btcpay_invoice_id"])
    shop.tick(60)
    assert shop.status(due) == "settled"


def test_a_charge_that_is_booked_later_counts_then(
    shop: ZapriteShop, saved: dict[str, Any]
) -> None:
    due = renewal(shop)
    shop.fake.charging.script(ChargeOutcome(status="PENDING", settles_after=100))
    assert shop.charge(due, saved).charge.state is ChargeState.NOT_CHARGED
    shop.tick(200)
    assert shop.status(due) == "settled"
    assert shop.fake.charges(due["btcpay_invoice_id"]) == 1


@pytest.mark.parametrize("http_status", [400, 402, 404])
def test_a_refused_charge_failed(
    shop: ZapriteShop, saved: dict[str, Any], http_status: int
) -> None:
    due = renewal(shop)
    shop.fake.charging.script(refused(http_status))
    charged = shop.charge(due, saved)
    assert charged.charge.state is ChargeState.FAILED
    assert f"HTTP {http_status}" in charged.charge.detail
    assert shop.fake.live.api_key not in charged.charge.detail
    assert shop.shop.audited("subscription.auto_charge_failed") == 1
    assert shop.status(due) == "pending"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (TIMEOUT_AFTER_CHARGING, "settled"),
        (TIMEOUT_BEFORE_CHARGING, "pending"),
        (refused(500), "pending"),
    ],
)
@pytest.mark.rows(39)
def test_a_charge_without_an_answer_is_never_made_again(
    shop: ZapriteShop, saved: dict[str, Any], outcome: ChargeOutcome, status: str
) -> None:
    due = renewal(shop)
    shop.fake.charging.script(outcome)
    assert shop.charge(due, saved).charge.state is ChargeState.UNKNOWN
    for _ in range(3):
        again = shop.charge(due, saved)
        assert (again.charge.state, again.is_new) == (ChargeState.UNKNOWN, False)
        shop.clock.turn(100)
    assert shop.calls("charge_order") == 1
    shop.tick(60)
    assert shop.status(due) == status


def test_a_crash_before_or_after_the_call_never_charges_twice(
    shop: ZapriteShop, saved: dict[str, Any]
) -> None:
    due = renewal(shop)
    shop.fake.charging.script(answered("PAID"))
    ports = shop.shop.ports
    whole = ports.store
    # The two writes of the reservation, its commit, and the first write of the record.
    watched = WatchedStore(whole, dies_at=5)
    object.__setattr__(ports, "store", watched)
    with pytest.raises(Killed):
        shop.charge(due, saved)
    object.__setattr__(ports, "store", whole)
    made = shop.charge_of(due)
    assert made is not None
    assert made.state is ChargeState.RESERVED
    again = shop.charge(due, saved)
    assert (again.charge.state, again.is_new) == (ChargeState.RESERVED, False)
    shop.clock.turn(60)
    again = shop.charge(due, saved)
    assert (again.charge.state, again.is_new) == (ChargeState.UNKNOWN, False)
    assert shop.fake.charges(due["btcpay_invoice_id"]) == 1
    shop.tick(60)
    assert shop.status(due) == "settled"


def test_a_method_that_expired_is_not_charged(shop: ZapriteShop) -> None:
    sold = shop.sell_recurring(attaches=False)
    shop.fake.attach_profile(sold["btcpay_invoice_id"], expires_at=shop.clock.now() + 40 * 86_400)
    shop.capture()
    shop.clock.turn(40 * 86_400)
    due = renewal(shop)
    with pytest.raises(InvariantError, match="expired"):
        shop.charge(due, sold)
    assert shop.calls("charge_order") == 0
    assert shop.charge_of(due) is None


def test_a_method_that_expired_at_zaprite_meanwhile_is_not_charged(
    shop: ZapriteShop, saved: dict[str, Any]
) -> None:
    (contact,) = shop.fake.live.contacts.values()
    due = renewal(shop)
    (profile,) = contact.profiles
    object.__setattr__(profile, "expires_at", shop.clock.now())
    with pytest.raises(InvariantError, match="expired"):
        shop.charge(due, saved)
    assert shop.charge_of(due) is None


def test_a_method_its_contact_has_no_more_is_not_charged(
    shop: ZapriteShop, saved: dict[str, Any]
) -> None:
    due = renewal(shop)
    for contact in shop.fake.live.contacts.values():
        contact.profiles.clear()
    with pytest.raises(InvariantError, match="does not have"):
        shop.charge(due, saved)
    assert shop.charge_of(due) is None


@pytest.mark.parametrize("action", [Timeout(), Answer(401)])
def test_a_method_that_cannot_be_read_is_not_charged(
    shop: ZapriteShop, saved: dict[str, Any], action: CallAction
) -> None:
    due = renewal(shop)
    shop.fake.faults.on_call("get_contact", action)
    with pytest.raises((ProviderRefused, ProviderUnavailable)):
        shop.charge(due, saved)
    assert shop.charge_of(due) is None


@pytest.mark.parametrize(
    "touch",
    [
        lambda fake, order: fake.pay(order),
        lambda fake, order: fake.pay(order, amount=1),
        lambda fake, order: fake.pay(order, "BITCOIN"),
        lambda fake, order: fake.abandon(order),
        lambda fake, order: fake.set_status(order, "REFUNDED"),
        lambda fake, order: fake.set_status(order, "A_LATER_WORD"),
    ],
    ids=["paid", "paid in part", "under way", "given up", "given back", "nobody knows"],
)
def test_only_an_order_that_is_still_unpaid_at_zaprite_is_charged(
    shop: ZapriteShop, saved: dict[str, Any], touch: Callable[[FakeZaprite, str], object]
) -> None:
    """What happened there is not known here yet: its webhook is lost or on its way."""
    due = renewal(shop)
    touch(shop.fake, due["btcpay_invoice_id"])
    assert shop.status(due) == "pending"
    with pytest.raises(InvariantError, match="paid, being paid or over"):
        shop.charge(due, saved)
    assert shop.charge_of(due) is None
    assert shop.calls("charge_order") == 0


def test_a_payment_that_came_to_nothing_hinders_no_charge(
    shop: ZapriteShop, saved: dict[str, Any]
) -> None:
    due = renewal(shop)
    shop.fake.pay(due["btcpay_invoice_id"], "BITCOIN")
    shop.fake.replace(due["btcpay_invoice_id"])
    assert shop.charge(due, saved).charge.state is ChargeState.CHARGED


@pytest.mark.parametrize("action", [Timeout(), Answer(401), Answer(404)])
def test_an_order_that_cannot_be_read_is_not_charged(
    shop: ZapriteShop, saved: dict[str, Any], action: CallAction
) -> None:
    due = renewal(shop)
    shop.fake.faults.on_call("get_order", action)
    with pytest.raises((ProviderRefused, ProviderUnavailable)):
        shop.charge(due, saved)
    assert shop.charge_of(due) is None
    assert shop.charge(due, saved).charge.state is ChargeState.CHARGED
    assert shop.fake.charges(due["btcpay_invoice_id"]) == 1


def test_the_next_invoice_of_the_same_tier_and_buyer_is_charged(
    shop: ZapriteShop, saved: dict[str, Any]
) -> None:
    """Each recurring order has a contact of its own, which is no other buyer."""
    due = shop.buy(policy_slug="monthly", buyer_email="ada@example.com")
    contacts = [shop.fake.order(one["btcpay_invoice_id"]).contact_id for one in (saved, due)]
    assert len(set(contacts)) == 2
    assert shop.charge(due, saved).charge.state is ChargeState.CHARGED
    shop.tick(10)
    assert shop.status(due) == "settled"
    assert shop.fake.charges(due["btcpay_invoice_id"]) == 1


def test_another_buyers_card_is_not_charged(shop: ZapriteShop, saved: dict[str, Any]) -> None:
    due = shop.buy(buyer_email="bob@example.com")
    with pytest.raises(InvariantError, match="another buyer"):
        shop.charge(due, saved)
    assert shop.charge(renewal(shop), saved).is_new


def test_a_buyers_email_is_the_same_in_any_case(shop: ZapriteShop, saved: dict[str, Any]) -> None:
    due = shop.buy(buyer_email="ADA@example.com")
    assert shop.charge(due, saved).is_new


def test_two_addresses_that_only_fold_to_one_are_two_buyers(
    shop: ZapriteShop, saved: dict[str, Any]
) -> None:
    """``straße.example`` and ``strasse.example`` are two domains, which two people may own."""
    due = renewal(shop)
    with shop.shop.ports.store.writing() as tx:
        for purchase, address in ((saved, "a@strasse.example"), (due, "a@straße.example")):
            invoice = tx.invoices.get_invoice(InvoiceId(purchase["invoice_id"]))
            tx.invoices.put_invoice(msgspec.structs.replace(invoice, buyer_email=address))
    with pytest.raises(InvariantError, match="another buyer"):
        shop.charge(due, saved)


@pytest.mark.parametrize("is_bare", [{"due"}, {"saved"}, {"due", "saved"}], ids=sorted)
def test_nobodys_invoice_and_nobodys_card_are_not_charged(
    shop: ZapriteShop, saved: dict[str, Any], is_bare: set[str]
) -> None:
    """An invoice without an e-mail may be anybody's."""
    due = renewal(shop)
    with shop.shop.ports.store.writing() as tx:
        for purchase in [{"due": due, "saved": saved}[name] for name in is_bare]:
            invoice = tx.invoices.get_invoice(InvoiceId(purchase["invoice_id"]))
            tx.invoices.put_invoice(msgspec.structs.replace(invoice, buyer_email=None))
    with pytest.raises(InvariantError, match=r"has no e-mail.*pay at the checkout"):
        shop.charge(due, saved)
    assert shop.charge_of(due) is None
    assert shop.calls("charge_order") == 0


def test_a_card_pays_for_its_own_product(shop: ZapriteShop, saved: dict[str, Any]) -> None:
    shop.shop.add_product("other")
    due = shop.shop.buy("other", buyer_email="ada@example.com")
    with pytest.raises(InvariantError, match="another product"):
        shop.charge(due, saved)


def test_only_an_open_invoice_is_charged(shop: ZapriteShop, saved: dict[str, Any]) -> None:
    with pytest.raises(InvariantError, match="settled"):
        shop.charge(saved, saved)
    with pytest.raises(NotFound):
        shop.charge({"invoice_id": "nobody"}, saved)


def test_only_what_was_saved_is_charged(shop: ZapriteShop, saved: dict[str, Any]) -> None:
    due = renewal(shop)
    for other in (due, {"invoice_id": "nobody"}):
        with pytest.raises(NotFound):
            shop.charge(due, other)
    unsaved = shop.sell_recurring(attaches=False)
    with pytest.raises(NotFound):
        shop.charge(due, unsaved)


def test_a_disconnected_account_charges_nothing(shop: ZapriteShop, saved: dict[str, Any]) -> None:
    due = renewal(shop)
    shop.shop.admin("POST", "/zaprite/disconnect")
    with pytest.raises(ProviderNotLoaded):
        shop.charge(due, saved)
    # Connected again, the invoice of the old account is charged through the new one's card holder.
    shop.connect()
    due = renewal(shop)
    assert shop.charge(due, saved).charge.state is ChargeState.CHARGED


def test_a_card_kept_elsewhere_is_not_charged(shop: ZapriteShop, saved: dict[str, Any]) -> None:
    due = renewal(shop)
    with shop.shop.ports.store.writing() as tx:
        invoice = tx.invoices.get_invoice(InvoiceId(due["invoice_id"]))
        tx.invoices.put_invoice(msgspec.structs.replace(invoice, provider_account_id=None))
    with pytest.raises(InvariantError, match="another provider account"):
        shop.charge(due, saved)


def test_two_charges_at_once_make_one(shop: ZapriteShop, saved: dict[str, Any]) -> None:
    due = renewal(shop)
    ports = shop.shop.ports
    whole = ports.store
    watched = WatchedStore(whole)

    def other_first() -> None:
        watched.before_writing = None
        object.__setattr__(ports, "store", whole)
        assert shop.charge(due, saved).is_new
        object.__setattr__(ports, "store", watched)

    watched.before_writing = other_first
    object.__setattr__(ports, "store", watched)
    charged = shop.charge(due, saved)
    object.__setattr__(ports, "store", whole)
    assert (charged.charge.state, charged.is_new) == (ChargeState.CHARGED, False)
    assert shop.fake.charges(due["btcpay_invoice_id"]) == 1


def test_a_sale_deleted_while_it_is_charged_takes_the_charge_along(
    shop: ZapriteShop, saved: dict[str, Any]
) -> None:
    """The money moved all the same, which Zaprite's dashboard and the log of requests tell."""
    due = renewal(shop)
    ports = shop.shop.ports
    whole = ports.store
    watched = WatchedStore(whole)

    def delete() -> None:
        if not shop.fake.charges(due["btcpay_invoice_id"]):
            watched.before_writing = delete
        else:
            shop.shop.delete_product_row(shop.shop.invoice(due["invoice_id"]).product_id)

    watched.before_writing = delete
    object.__setattr__(ports, "store", watched)
    with pytest.raises(NotFound):
        shop.charge(due, saved)
    object.__setattr__(ports, "store", whole)
    assert shop.charge_of(due) is None


def test_a_deleted_sale_takes_its_card_and_charge_along(
    shop: ZapriteShop, saved: dict[str, Any]
) -> None:
    due = renewal(shop)
    shop.charge(due, saved)
    shop.shop.delete_product_row(shop.shop.invoice(due["invoice_id"]).product_id)
    assert shop.saved(saved) is None
    assert shop.charge_of(due) is None
