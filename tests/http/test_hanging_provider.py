"""A provider that hangs: purchases fail in time, nothing stays reserved, nobody else waits.

Source: public-api 0 (clients give up after 10 s), payments 1.2 and 11.2.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Final

import msgspec

from keysat_core.domain.answer import ORPHAN_SECONDS
from keysat_core.domain.ids import InvoiceId, MerchantProfileId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.merchant import MerchantProfile
from keysat_core.domain.payment import ProviderStatus
from keysat_core.domain.provider_health import (
    FAILURES_IN_A_ROW,
    LEAVE_ALONE_SECONDS,
    ProviderHealth,
)
from keysat_core.domain.receipt import ReceiptOutcome, WebhookReceipt
from keysat_core.errors import ProviderUnavailable
from keysat_core.limits import PURCHASE_DEADLINE_SECONDS
from keysat_core.ports.sandbox import PretendPayment
from keysat_http.provider_threads import PROVIDER_THREADS
from keysat_http.receipt_rounds import ReceiptRounds, settle_noted_receipts
from keysat_http.reconciling import reconcile_invoices
from keysat_http.rounds import in_threads_for
from keysat_http.settling import Pass
from tests.support.shop import Shop, running_shop

DEADLINE: Final = 0.05
SOON: Final = 5.0
"""Far above the deadlines here and far below how long a held call waits."""

KEY: Final = {"idempotency-key": "order-21-of-one-buyer"}


@contextmanager
def hanging(shop: Shop, account_id: str | None = None) -> Iterator[None]:
    """Hold the calls to an account, or to all, and let them go on at the end."""
    shop.providers.gate, shop.providers.held_account_id = Event(), account_id
    gate = shop.providers.gate
    try:
        yield
    finally:
        shop.providers.gate = None
        gate.set()
        wait_until(lambda: shop.providers.held == 0)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not is_so():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


def buy_in_vain(shop: Shop, product: str = "app", **headers: str) -> None:
    began = time.monotonic()
    refused = shop.client.post("/v1/purchase", json={"product": product}, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (502, "upstream_error")
    assert time.monotonic() - began < SOON


def invoices(shop: Shop) -> list[InvoiceStatus]:
    """How the invoices stand that were opened so far."""
    with shop.ports.store.reading() as tx:
        opened = tx.trail.list_audit(action="invoice.open", limit=500)
        ids = [InvoiceId(row.target_id) for row in opened if row.target_id]
        return [tx.invoices.get_invoice(id_).status for id_ in ids]


def second_account(shop: Shop) -> str:
    """Give a second business its own account at the same service, and a product."""
    now = shop.clock.now()
    with shop.ports.store.writing() as tx:
        profile = MerchantProfile(
            id=MerchantProfileId(shop.ports.ids.new()),
            name="Second",
            is_default=False,
            created_at=now,
            updated_at=now,
        )
        tx.merchants.put_profile(profile)
        first = tx.merchants.find_account(ProviderAccountId(shop.account_id))
        assert first is not None
        account = msgspec.structs.replace(
            first, id=ProviderAccountId(shop.ports.ids.new()), merchant_profile_id=profile.id
        )
        tx.merchants.put_account(account)
    product = shop.add_product("second")
    shop.admin("PATCH", f"/products/{product['id']}", json={"merchant_profile_id": profile.id})
    return account.id


def test_a_purchase_fails_in_time_and_its_key_works_afterwards() -> None:
    with running_shop(purchase_seconds=DEADLINE) as shop:
        shop.add_product()
        with hanging(shop):
            buy_in_vain(shop, **KEY)
            assert invoices(shop) == [InvoiceStatus.PENDING]
        shop.clock.turn(PURCHASE_DEADLINE_SECONDS)
        again = shop.client.post("/v1/purchase", json={"product": "app"}, headers=KEY)
        assert again.status_code == 200
        assert again.json()["checkout_url"]
        assert invoices(shop) == [InvoiceStatus.PENDING]
        shop.act(again.json(), PretendPayment.PAY)
        shop.deliver()
        assert shop.poll(again.json()["invoice_id"])["license_key"]


def test_what_waits_for_a_thread_fails_in_time_too_and_reserves_nothing() -> None:
    with running_shop(purchase_seconds=DEADLINE) as shop:
        shop.add_product()
        with hanging(shop):
            for _ in range(PROVIDER_THREADS + 4):
                buy_in_vain(shop)
            assert shop.providers.held == PROVIDER_THREADS
        recorded = "invoice.record_provider_invoice"
        wait_until(lambda: shop.audited(recorded) == PROVIDER_THREADS)
        shop.clock.turn(ORPHAN_SECONDS)
        reconcile_invoices(shop.ports)
        # Those that hung were created in the end; the others never asked.
        assert invoices(shop).count(InvoiceStatus.PENDING) == PROVIDER_THREADS
        assert shop.audited("invoice.never_created") == 4
        assert shop.buy()["checkout_url"]


def test_one_that_hangs_takes_no_purchase_or_payment_from_another() -> None:
    with running_shop(purchase_seconds=DEADLINE) as shop:
        shop.add_product()
        account_id = second_account(shop)
        with hanging(shop, account_id):
            for _ in range(PROVIDER_THREADS + 4):
                buy_in_vain(shop, "second")
            assert shop.providers.held == PROVIDER_THREADS
            shop.clock.turn(60)  # for the rate limit
            assert shop.sell("app")["license_key"]


def test_a_webhook_is_kept_and_answered_while_its_provider_hangs() -> None:
    with running_shop(purchase_seconds=DEADLINE, look_seconds=DEADLINE) as shop:
        shop.add_product()
        purchase = shop.buy()
        with hanging(shop):
            for _ in range(PROVIDER_THREADS):
                buy_in_vain(shop)
            shop.act(purchase, PretendPayment.PAY)
            began = time.monotonic()
            assert shop.deliver() >= 1
            assert time.monotonic() - began < SOON
            assert shop.poll(purchase["invoice_id"])["status"] == "pending"
        assert settle_noted_receipts(shop.ports).changed >= 1
        assert shop.poll(purchase["invoice_id"])["license_key"]


def test_a_look_that_hangs_ends_by_itself() -> None:
    with running_shop(look_seconds=DEADLINE) as shop:
        shop.add_product()
        purchase = shop.buy()
        shop.act(purchase, PretendPayment.PAY)
        with hanging(shop):
            assert shop.deliver() >= 1
            assert shop.providers.held >= 1
        wait_until(lambda: bool(shop.poll(purchase["invoice_id"]).get("license_key")))


def test_a_look_that_hangs_delays_no_receipt_of_another() -> None:
    with running_shop(look_seconds=DEADLINE) as shop:
        shop.add_product()
        hanging_id = second_account(shop)
        rounds = ReceiptRounds(shop.ports, among_accounts=in_threads_for(DEADLINE))
        slow, quick = shop.buy("second"), shop.buy()
        keep_receipt(shop, slow)
        with hanging(shop, hanging_id):
            keep_receipt(shop, quick)
            began = time.monotonic()
            rounds.run()
            wait_until(lambda: is_paid_for(shop, quick))
            # The next round asks who hangs no second time, and still serves the other.
            later = shop.buy()
            keep_receipt(shop, later)
            rounds.run()
            wait_until(lambda: is_paid_for(shop, later))
            assert time.monotonic() - began < SOON
            assert shop.providers.held == 1
            assert not rounds.has_work()
            assert not is_paid_for(shop, slow)
        wait_until(lambda: is_paid_for(shop, slow))


def test_receipts_of_a_provider_that_is_left_alone_wait_as_long_and_are_not_lost() -> None:
    with running_shop() as shop:
        shop.add_product()
        purchase = shop.buy()
        keep_receipt(shop, purchase)
        now = shop.clock.now()
        leave_alone(shop, until=Instant(now + LEAVE_ALONE_SECONDS[0]))
        rounds = ReceiptRounds(shop.ports)
        for _ in range(3):
            assert not rounds.has_work()
            assert rounds.run() == Pass()
            shop.clock.turn(LEAVE_ALONE_SECONDS[0] // 3)
        assert rounds.has_work()
        assert rounds.run().changed == 1
        assert is_paid_for(shop, purchase)


def test_after_a_pause_one_failure_is_enough_and_the_other_receipts_keep_their_looks() -> None:
    with running_shop() as shop:
        shop.add_product()
        purchases = [shop.buy() for _ in range(3)]
        for purchase in purchases:
            keep_receipt(shop, purchase)
        leave_alone(shop, until=shop.clock.now())
        shop.providers.failure_of_status = ProviderUnavailable("read invoice", "timeout")
        assert settle_noted_receipts(shop.ports) == Pass(failed=1, skipped=2)
        assert settle_noted_receipts(shop.ports) == Pass()
        shop.providers.failure_of_status = None
        shop.clock.turn(LEAVE_ALONE_SECONDS[-1])
        assert settle_noted_receipts(shop.ports).changed == 3
        assert all(is_paid_for(shop, purchase) for purchase in purchases)


def keep_receipt(shop: Shop, purchase: dict[str, str]) -> None:
    """Pay, and let a webhook of it be kept by a server that is killed before it looks."""
    shop.act(purchase, PretendPayment.PAY)
    invoice = shop.invoice(purchase["invoice_id"])
    assert invoice.provider_account_id is not None
    receipt = WebhookReceipt(
        id=shop.ports.ids.new(),
        provider_account_id=invoice.provider_account_id,
        type="settled",
        provider_invoice_id=invoice.provider_invoice_id,
        invoice_id=invoice.id,
        delivery_id=None,
        claim=ProviderStatus.SETTLED,
        outcome=ReceiptOutcome.NOTED,
        received_at=shop.clock.now(),
    )
    with shop.ports.store.writing() as tx:
        tx.receipts.put_receipt(receipt)


def leave_alone(shop: Shop, *, until: Instant) -> None:
    """Note that the shop's provider failed three times in a row."""
    with shop.ports.store.writing() as tx:
        tx.connections.put_health(
            ProviderHealth(
                account_id=ProviderAccountId(shop.account_id),
                failures=FAILURES_IN_A_ROW,
                failing_since=shop.clock.now(),
                left_until=until,
            )
        )


def is_paid_for(shop: Shop, purchase: dict[str, str]) -> bool:
    return shop.invoice(purchase["invoice_id"]).status is InvoiceStatus.SETTLED
