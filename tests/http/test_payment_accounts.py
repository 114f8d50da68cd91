"""Several accounts at BTCPay, old ones and gone ones. Source: payments 17; rows are named."""

import httpx
import msgspec
import pytest

from keysat_core.domain.answer import PROVIDER_DISCONNECTED
from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import (
    SERVED_RAILS,
    ProviderAccount,
    ProviderKind,
    asked_through,
)
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.modes import Mode
from tests.simulators.fault_plan import Answer
from tests.support.btcpay_accounts import (
    LEGACY_PATH,
    add_account,
    add_profile,
    change_invoice,
    default_profile_id,
    give_profile,
)
from tests.support.btcpay_shop import BASE, BTCPayShop, running_btcpay_shop
from tests.support.sale_outcome import (
    assert_sold_once,
    assert_unsold,
    attention_to,
    webhook_answers,
)

HEX_ID = "0123456789abcdef0123456789abcdef"
OTHER = "http://other.internal"
MODES = [Mode.V2_0, Mode.V2_3_4, Mode.V2_4]


@pytest.mark.rows(27)
@pytest.mark.parametrize("is_told", [True, False])
def test_an_install_of_before_goes_on_as_it_was(*, is_told: bool) -> None:
    """Ids without hyphens, a webhook at the address without an id, invoices without provider."""
    with running_btcpay_shop(is_connected=False) as opened:
        profile_id = default_profile_id(opened)
        account = add_account(opened, HEX_ID, profile_id, webhook_path=LEGACY_PATH)
        if not is_told:
            opened.fake.disable_webhook(account.webhook_id or "")
        purchase = opened.buy()
        change_invoice(opened, purchase["invoice_id"], provider_account_id=None)
        opened.pay(purchase)
        opened.tick(0 if is_told else 60)
        assert_sold_once(opened, purchase)
        assert opened.shop.invoice(purchase["invoice_id"]).provider_account_id == HEX_ID
        assert webhook_answers(opened) == ({200} if is_told else set())


def second_store(opened: BTCPayShop) -> ProviderAccount:
    """Another store at the same server for another profile, which the product ``other`` is paid to."""
    profile_id = add_profile(opened, "second")
    store = opened.fake.add_store("Second")
    account = add_account(opened, "second-account", profile_id, store=store)
    give_profile(opened, opened.shop.add_product("other"), profile_id)
    return account


@pytest.mark.rows(27)
@pytest.mark.parametrize("mode", MODES)
def test_an_invoice_without_provider_is_found_at_the_account_that_knows_it(mode: Mode) -> None:
    """From 2.4 on a store answers 403 for another store's invoice, before that 404."""
    with running_btcpay_shop(mode=mode) as opened:
        first, second = opened.account(), second_store(opened)
        for webhook in opened.fake.webhooks():
            opened.fake.disable_webhook(webhook.id)
        purchase = opened.buy("other")
        change_invoice(opened, purchase["invoice_id"], provider_account_id=None)
        opened.pay(purchase)
        opened.tick(60)
        assert_sold_once(opened, purchase)
        assert opened.shop.invoice(purchase["invoice_id"]).provider_account_id == second.id
        assert healths(opened) == {first.id: 0, second.id: 0}


def test_an_invoice_without_provider_is_found_while_another_account_fails() -> None:
    with running_btcpay_shop() as opened:
        second = second_store(opened)
        purchase = opened.buy("other")
        change_invoice(opened, purchase["invoice_id"], provider_account_id=None)
        for webhook in opened.fake.webhooks():
            opened.fake.disable_webhook(webhook.id)
        opened.pay(purchase)
        opened.fake.faults.on_call("get_invoice", Answer(503), count=2)
        opened.tick(60)
        assert_sold_once(opened, purchase)
        assert opened.shop.invoice(purchase["invoice_id"]).provider_account_id == second.id


def test_an_invoice_nobody_knows_makes_no_account_look_dead() -> None:
    with running_btcpay_shop() as opened:
        second_store(opened)
        third = opened.fake.add_store("Third")
        stray = created_elsewhere(opened, third.id)
        purchases = [opened.buy() for _ in range(3)]
        for purchase in purchases:
            is_first = purchase is purchases[0]
            change_invoice(
                opened,
                purchase["invoice_id"],
                provider_account_id=None,
                provider_invoice_id=stray if is_first else f"gone-{purchase['invoice_id']}",
            )
        for _ in range(5):
            opened.tick(60)
        for purchase in purchases:
            assert_unsold(opened, purchase, "pending")
        assert set(healths(opened).values()) <= {0}


def created_elsewhere(opened: BTCPayShop, store_id: str) -> str:
    """Create an invoice at a store we are not connected to."""
    key = opened.fake.add_key(store_id)
    answer = httpx.Client(transport=opened.fake.transport()).post(
        f"{BASE}/api/v1/stores/{store_id}/invoices",
        headers={"authorization": f"token {key}"},
        json={"amount": "0.0005", "currency": "BTC"},
    )
    id_: str = answer.json()["id"]
    return id_


def healths(opened: BTCPayShop) -> dict[str, int]:
    """Failures in a row, by account."""
    with opened.shop.ports.store.reading() as tx:
        return {one.account_id: one.failures for one in tx.connections.list_health()}


def rename_invoice(fake: FakeBTCPay, id_: str, other_id: str) -> None:
    """Let a double hold an invoice under the id that another double gave one of its own."""
    invoice = fake.world.invoices.pop(id_)
    invoice.id = other_id
    fake.world.invoices[other_id] = invoice


@pytest.mark.rows(28)
@pytest.mark.parametrize("is_told", [True, False])
def test_equal_ids_at_two_servers_are_two_invoices(*, is_told: bool) -> None:
    with running_btcpay_shop() as opened:
        twin = FakeBTCPay(opened.clock.virtual, seed=2, post=opened.fake._post)
        opened.line.hosts["other.internal"] = twin.transport()
        store = twin.add_store("A store")
        profile_id = add_profile(opened, "twin")
        account = add_account(
            opened, "twin-account", profile_id, fake=twin, store=store, base_url=OTHER
        )
        give_profile(opened, opened.shop.add_product("other"), profile_id)
        ours, theirs = opened.buy(), opened.buy("other")
        same_id = theirs["btcpay_invoice_id"]
        rename_invoice(opened.fake, ours["btcpay_invoice_id"], same_id)
        change_invoice(opened, ours["invoice_id"], provider_invoice_id=same_id)
        ours = {**ours, "btcpay_invoice_id": same_id}
        if not is_told:
            for webhook in (*opened.fake.webhooks(), *twin.webhooks()):
                webhook.is_enabled = False
        twin.pay(same_id)
        opened.tick(60)
        assert opened.status(theirs) == "settled"
        assert opened.shop.invoice(theirs["invoice_id"]).provider_account_id == account.id
        assert_unsold(opened, ours, "pending")
        opened.pay(ours)
        opened.tick(60)
        assert_sold_once(opened, ours)
        assert len(opened.shop.licenses()) == 2
        keys = {call.request.headers["authorization"] for call in twin.journal.calls("get_invoice")}
        assert len(keys) == 1
        assert not keys & {
            call.request.headers.get("authorization") for call in opened.fake.journal.calls()
        }
        twin.check()


@pytest.mark.rows(29)
def test_disconnecting_leaves_pending_invoices_flagged_and_the_rest_at_work() -> None:
    with running_btcpay_shop() as opened:
        second_store(opened)
        purchase, other = opened.buy(), opened.buy("other")
        # Without a name the default profile's is meant.
        gone = opened.shop.admin("POST", "/btcpay/disconnect")
        assert (gone["noop"], gone["pending_invoices"]) == (False, 1)
        opened.pay(purchase)
        opened.pay(other)
        for _ in range(3):
            opened.tick(60)
        flagged = assert_unsold(opened, purchase, "pending")
        assert flagged.provider_status_raw == PROVIDER_DISCONNECTED
        assert attention_to(opened, purchase) == "provider_disconnected"
        assert_sold_once(opened, other)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_store_is_the_same_by_whichever_address_it_is_reached(*, is_told: bool) -> None:
    """Connected by its internal name at first, and by its public one since."""
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        opened.shop.admin("POST", "/btcpay/disconnect")
        opened.tick(60)
        assert opened.shop.invoice(purchase["invoice_id"]).provider_status_raw == (
            PROVIDER_DISCONNECTED
        )
        again = add_account(opened, "again", default_profile_id(opened), base_url=OTHER)
        if not is_told:
            opened.fake.disable_webhook(again.webhook_id or "")
        opened.pay(purchase)
        opened.tick(0 if is_told else 60)
        assert_sold_once(opened, purchase)


def test_another_store_at_the_same_address_knows_nothing_of_a_gone_ones_invoices() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        opened.shop.admin("POST", "/btcpay/disconnect")
        other = opened.fake.add_store("Another")
        add_account(opened, "another", default_profile_id(opened), store=other)
        opened.pay(purchase)
        opened.tick(60)
        assert_unsold(opened, purchase, "pending")
        assert attention_to(opened, purchase) == "provider_disconnected"


def test_what_has_no_store_is_the_same_at_the_same_address_only() -> None:
    gone = ProviderAccount(
        id=ProviderAccountId("gone"),
        merchant_profile_id=MerchantProfileId("profile"),
        kind=ProviderKind.ZAPRITE,
        label="Zaprite",
        served_rails=SERVED_RAILS[ProviderKind.ZAPRITE],
        base_url=BASE,
        connected_at=Instant(1),
        updated_at=Instant(1),
        disconnected_at=Instant(2),
    )
    again = msgspec.structs.replace(gone, id=ProviderAccountId("again"), disconnected_at=None)
    assert asked_through(gone, again)
    assert not asked_through(again, gone)
    assert not asked_through(gone, msgspec.structs.replace(again, base_url=OTHER))
    for nothing in ("", None):
        nowhere = msgspec.structs.replace(again, base_url=OTHER, store_id=nothing)
        assert not asked_through(msgspec.structs.replace(gone, store_id=nothing), nowhere)


def test_a_store_connected_in_a_sandbox_collects_what_it_serves() -> None:
    with running_btcpay_shop(is_sandbox=True, is_connected=False) as opened:
        opened.clock.turn(1)
        opened.connect()
        accounts = opened.shop.admin("GET", "/payment-provider/status")
        assert [one["kind"] for one in accounts["providers"]] == ["sandbox", "btcpay"]
        assert (accounts["active"], accounts["preferred"]) == ("btcpay", "btcpay")
        for rail in (None, "lightning", "onchain"):
            purchase = opened.shop.buy(rail=rail)
            account_id = opened.shop.invoice(purchase["invoice_id"]).provider_account_id
            assert account_id == accounts["providers"][1]["id"]
        refused = opened.shop.post("/v1/purchase", product="app", rail="card")
        assert (refused.status_code, refused.json()["code"]) == (400, "no_provider")
