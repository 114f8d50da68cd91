"""The double bears being called from many threads, and by whom it is just telling something."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import msgspec

from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.virtual_clock import VirtualClock
from tests.simulators.wall_clock import WallClock
from tests.support.btcpay_bench import Bench

CALLS = 100
WORKERS = 4


def test_many_threads_buy_at_once() -> None:
    bench = Bench()
    bench.register("InvoiceSettled")

    def buy(number: int) -> str:
        invoice = bench.create(metadata={"orderId": f"o-{number}"})
        bench.fake.pay(invoice)
        return invoice

    with ThreadPoolExecutor(WORKERS) as pool:
        bought = list(pool.map(buy, range(CALLS)))
    bench.fake.deliver_due()
    assert len(set(bought)) == CALLS
    assert sorted(event["invoiceId"] for event in bench.ear.events()) == sorted(bought)
    assert all(invoice.status == "Settled" for invoice in bench.fake.invoices())


def test_who_is_told_may_ask_back_from_any_thread() -> None:
    bench = Bench()
    seen: list[str] = []

    def hear(url: str, headers: Mapping[str, str], body: bytes) -> int:
        invoice = msgspec.json.decode(body)["invoiceId"]
        asking = Thread(target=lambda: seen.append(bench.state(invoice)))
        asking.start()
        asking.join(5)
        seen.append(bench.state(invoice))
        return 200

    fake = FakeBTCPay(VirtualClock(), post=hear)
    bench.fake, bench.store = fake, fake.add_store()
    bench.root = f"/api/v1/stores/{bench.store.id}"
    bench.client = bench.client_with(fake.add_key(bench.store.id))
    bench.register("InvoiceSettled")
    fake.pay(bench.create())
    assert seen == ["Settled/None", "Settled/None"]


def test_on_threads_each_webhook_hears_everything_once_and_in_order() -> None:
    heard: dict[str, list[str]] = {"https://a.test": [], "https://b.test": []}

    def hear(url: str, headers: Mapping[str, str], body: bytes) -> int:
        heard[url].append(msgspec.json.decode(body)["invoiceId"])
        return 200

    clock = WallClock()
    try:
        fake = FakeBTCPay(clock, post=hear)
        bench = Bench()
        bench.fake, bench.store = fake, fake.add_store()
        bench.root = f"/api/v1/stores/{bench.store.id}"
        bench.client = bench.client_with(fake.add_key(bench.store.id))
        for url in heard:
            bench.register("InvoiceSettled", url=url)
        bought = [bench.create() for _ in range(CALLS)]
        for invoice in bought:
            fake.pay(invoice)
        assert fake.wait_idle(10)
    finally:
        clock.close()
    assert list(heard.values()) == [bought, bought]
