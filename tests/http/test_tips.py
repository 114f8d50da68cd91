"""Tips, whole: a buyer pays at BTCPay, a lightning address is asked, the store's node pays it.

Source: payments 17, rows 45 and 46, and invariant 6; admin-api 2.5.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from keysat_adapters.lightning.addresses import HTTPSLightningAddresses
from keysat_adapters.lightning.fetch import Fetcher
from keysat_adapters.outbound.http import HTTPSender
from keysat_core.domain.ids import TipId
from keysat_core.errors import StoreBusy
from keysat_core.ports.bundle import Ports
from keysat_http.leasing import Work
from keysat_http.shop_ticks import shop_ticks
from keysat_http.tipping import has_due_tips, pay_tips
from tests.simulators.btcpay.stores import Route
from tests.simulators.exchange import Request, Response
from tests.simulators.lightning_address.conduct import HONEST, MISCONDUCT, Conduct
from tests.simulators.lightning_address.fake_host import FakeLightningAddressHost
from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop
from tests.support.http import ADMIN
from tests.support.pinned_transport import PinnedTransport
from tests.support.shop import Shop, running_shop
from tests.support.watched_store import Killed, WatchedStore

KEYS = [
    "id",
    "license_id",
    "policy_id",
    "recipient",
    "amount_sats",
    "pct_bps",
    "label",
    "status",
    "detail",
    "payment_hash",
    "created_at",
]


@dataclass(kw_only=True)
class Payable:
    """The host, whose every invoice the store's node knows how to pay, or not."""

    host: FakeLightningAddressHost
    opened: BTCPayShop
    route: Route = Route.COMPLETE

    def handle(self, request: Request, /) -> Response:
        answer = self.host.handle(request)
        for issued in self.host.issued[-1:]:
            self.opened.fake.add_payable(
                self.opened.store.id,
                issued.bolt11,
                issued.payment_hash,
                (issued.amount_msat or 0) // 1_000,
                self.route,
            )
        return answer


@dataclass(kw_only=True)
class Tipping:
    opened: BTCPayShop
    payable: Payable
    ports: Ports

    @property
    def shop(self) -> Shop:
        return self.opened.shop

    def sell(self) -> dict[str, Any]:
        purchase = self.opened.buy(policy_slug="tipping")
        self.opened.pay(purchase)
        self.opened.tick(60)
        return self.shop.poll(purchase["invoice_id"])

    def work(self, seconds: int = 0) -> Work:
        self.opened.clock.turn(seconds)
        return pay_tips(self.ports)

    def tips(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.shop.admin("GET", "/tips", params=query)
        assert list(answer) == ["tips", "total", "is_total_exact"]
        return list(answer["tips"])

    def tip(self) -> dict[str, Any]:
        (tip,) = self.tips()
        return tip

    def sent(self) -> list[int]:
        """How often money left for each invoice the host gave out."""
        fake, store = self.opened.fake, self.opened.store
        return [fake.times_sent(store.id, one.payment_hash) for one in self.payable.host.issued]


@contextmanager
def tipping(conduct: Conduct = HONEST, *, network: str = "mainnet") -> Iterator[Tipping]:
    with running_btcpay_shop(network=network) as opened:
        host = FakeLightningAddressHost(opened.clock.virtual, seed=5)
        recipient = host.add_user("ada+keysat", conduct)
        payable = Payable(host=host, opened=opened)
        opened.shop.add_policy(
            "tipping", tip_recipient=recipient, tip_pct_bps=250, tip_label="Thanks"
        )
        lightning = HTTPSLightningAddresses(
            Fetcher(
                resolve=lambda name, _: ["93.184.215.14"] if name == host.domain else [name],
                sender_for=lambda chosen: HTTPSender(transport=PinnedTransport(payable, chosen)),
            )
        )
        ports = replace(opened.shop.ports, lightning=lightning)
        yield Tipping(opened=opened, payable=payable, ports=ports)


def test_a_sale_tips_once() -> None:
    with tipping() as tips:
        assert tips.sell()["license_key"]
        assert (tips.tip()["status"], has_due_tips(tips.ports)) == ("pending", True)
        assert tips.work() == Work(items=1, failed=0)
        tip = tips.tip()
        (issued,) = tips.payable.host.issued
        assert list(tip) == KEYS
        assert (tip["status"], tip["payment_hash"]) == ("sent", issued.payment_hash)
        assert (tip["amount_sats"], tip["pct_bps"], tip["label"]) == (1_250, 250, "Thanks")
        assert (tip["recipient"], tip["detail"]) == ("ada+keysat@tips.example", None)
        assert tips.work(3_600) == Work()
        assert (tips.sent(), has_due_tips(tips.ports)) == ([1], False)


@pytest.mark.parametrize("name", sorted(MISCONDUCT))
@pytest.mark.rows(45)
def test_a_host_that_is_wrong_in_any_way_is_paid_nothing(name: str) -> None:
    with tipping(MISCONDUCT[name]) as tips:
        assert tips.sell()["license_key"]
        tips.work()
        assert tips.tip()["status"] == "failed"
        assert tips.tip()["detail"]
        assert sum(tips.sent()) == 0


@pytest.mark.parametrize(
    ("network", "prefix", "status"),
    [("regtest", "bcrt", "sent"), ("regtest", "bc", "failed"), ("testnet", "tb", "sent")],
)
def test_a_store_pays_on_its_own_network(network: str, prefix: str, status: str) -> None:
    with tipping(replace(HONEST, network=prefix), network=network) as tips:
        tips.sell()
        tips.work()
        assert tips.tip()["status"] == status


@pytest.mark.rows(45)
def test_a_node_that_answers_202_is_followed_and_has_paid_once() -> None:
    with tipping() as tips:
        tips.payable.route = Route.PENDING
        tips.sell()
        tips.work()
        tip = tips.tip()
        assert tip["status"] == "pending"
        assert tip["detail"].startswith("unknown yet")
        tips.work(60)
        assert tips.tip()["status"] == "pending"
        (issued,) = tips.payable.host.issued
        tips.opened.fake.resolve_payment(tips.opened.store.id, issued.payment_hash, "Complete")
        tips.work(3_600)
        assert (tips.tip()["status"], tips.sent()) == ("sent", [1])


@pytest.mark.parametrize("route", [Route.NO_ROUTE, Route.FAILED])
def test_a_payment_that_finds_no_way_fails(route: Route) -> None:
    with tipping() as tips:
        tips.payable.route = route
        tips.sell()
        tips.work()
        assert (tips.tip()["status"], tips.sent()) == ("failed", [0])


def test_a_node_that_is_down_fails_a_tip_it_never_tried() -> None:
    with tipping() as tips:
        assert tips.sell()["license_key"]
        assert tips.opened.store.lightning is not None
        tips.opened.store.lightning.is_available = False
        tips.work()
        tips.opened.store.lightning.is_available = True
        for _ in range(8):
            tips.work(300)
        assert (tips.tip()["status"], tips.sent()) == ("failed", [0])


@pytest.mark.rows(46)
def test_a_server_killed_at_any_step_tips_at_most_once() -> None:
    with tipping() as tips:
        tips.sell()
        watched = WatchedStore(tips.ports.store)
        assert pay_tips(replace(tips.ports, store=watched)).items == 1
        steps = list(watched.steps)
    for step, name in enumerate(steps, start=1):
        with tipping() as tips:
            tips.sell()
            dying = replace(tips.ports, store=WatchedStore(tips.ports.store, dies_at=step))
            with pytest.raises(Killed):
                pay_tips(dying)
            for _ in range(8):
                tips.work(300)
            is_tried = tips.sent()[-1:] == [1]
            assert tips.tip()["status"] == ("sent" if is_tried else "failed"), (step, name)
            assert sum(tips.sent()) <= 1, (step, name)


# --- the round and the list ---------------------------------------------------------------------


def test_the_round_is_a_tick_of_the_server() -> None:
    with tipping() as tips:
        tips.sell()
        (tick,) = [tick for tick in shop_ticks(tips.ports) if tick.name == "tips"]
        assert tick.is_shared
        assert tick.has_work is not None
        assert tick.has_work()
        assert tick.run() == Work(items=1)
        assert not tick.has_work()


def test_a_tip_in_trouble_keeps_no_other_waiting() -> None:
    def busy() -> None:
        raise StoreBusy

    with tipping() as tips:
        tips.sell()
        tips.sell()
        watched = WatchedStore(tips.ports.store)
        watched.before_writing = busy
        assert pay_tips(replace(tips.ports, store=watched)) == Work(items=2, failed=1)
        assert sorted(tip["status"] for tip in tips.tips()) == ["pending", "sent"]
        tips.work()
        assert sorted(tips.sent()) == [0, 1, 1]


def test_without_a_way_to_ask_addresses_tips_wait() -> None:
    with tipping() as tips:
        tips.sell()
        assert not has_due_tips(tips.shop.ports)
        assert pay_tips(tips.shop.ports) == Work(items=1)
        assert tips.tip()["status"] == "pending"


def test_pretend_money_tips_nobody() -> None:
    with running_shop() as shop:
        shop.add_product()
        shop.add_policy("tipping", tip_recipient="ada@tips.example", tip_pct_bps=10_000)
        shop.sell(policy_slug="tipping")
        pay_tips(replace(shop.ports, lightning=HTTPSLightningAddresses()))
        (tip,) = shop.admin("GET", "/tips")["tips"]
        assert (tip["status"], tip["amount_sats"]) == ("failed", 50_000)
        assert tip["detail"].startswith("unsupported")


def test_tips_are_filtered_and_paged() -> None:
    with tipping() as tips:
        first, second = tips.sell(), tips.sell()
        newest = tips.tips()
        assert [tip["license_id"] for tip in newest] == [
            second["license_id"],
            first["license_id"],
        ]
        assert tips.tips(license_id=first["license_id"]) == newest[1:]
        assert tips.tips(recipient="eve@tips.example") == []
        assert tips.tips(recipient=newest[0]["recipient"], limit=1) == newest[:1]
        assert tips.tips(limit=0) == newest[:1]
        assert tips.tips(limit=5_000, offset=1) == newest[1:]
        assert tips.shop.client.get("/v1/admin/tips?limit=x", headers=ADMIN).status_code == 400


def test_a_tip_whose_policy_goes_is_gone() -> None:
    with tipping() as tips:
        tips.sell()
        tip = tips.tip()
        tips.shop.admin("DELETE", f"/policies/{tip['policy_id']}?force=true")
        assert tips.tips() == []
        with tips.ports.store.reading() as tx:
            assert tx.tips.find_tip(TipId(tip["id"])) is None


@pytest.mark.parametrize("recipient", ["nobody", "a@b@c", "lnurl1xyz", "a b@c.example"])
def test_a_policy_tips_only_a_lightning_address(recipient: str) -> None:
    with running_shop() as shop:
        shop.add_product()
        policy = shop.add_policy("pro")
        body = {"tip_recipient": recipient, "tip_pct_bps": 100}
        path = f"/policies/{policy['id']}/tip"
        answer = shop.admin("PATCH", path, ok=False, json=body)
        assert answer.status_code == 400
        assert "lightning address" in answer.json()["message"]
        plus = {"tip_recipient": "a+b@c.example", "tip_pct_bps": 100}
        assert shop.admin("PATCH", path, json=plus)["tip_recipient"] == "a+b@c.example"


def test_the_operator_limits_tips_over_the_admin_api() -> None:
    with running_shop() as shop:
        assert shop.admin("GET", "/tips/cap")["tips_daily_cap_sats"] is None
        for sats in (500, 0, None):
            said = shop.admin("PUT", "/tips/cap", json={"tips_daily_cap_sats": sats})
            assert said == shop.admin("GET", "/tips/cap")
            assert said == {"ok": True, "tips_daily_cap_sats": sats}
        assert shop.audited("tips.cap") == 3
        for wrong in ({}, {"tips_daily_cap_sats": -1}, {"tips_daily_cap_sats": "5"}):
            assert shop.admin("PUT", "/tips/cap", ok=False, json=wrong).status_code == 400
