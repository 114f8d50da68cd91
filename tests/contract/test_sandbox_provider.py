from pathlib import Path

import msgspec
import pytest

from keysat_adapters.sandbox.invoice import CONFIRMATION_SECONDS, EXPIRY_SECONDS
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import ProviderStatus, Rail
from keysat_core.errors import NotAuthentic, NotFound, ProviderRefused, ProviderUnavailable
from keysat_core.ports.payments import PaymentProvider
from keysat_core.ports.sandbox import PretendPayment, SandboxTill
from tests.contract.payment_provider_contract import (
    PaymentProviderContract,
    ProviderBench,
    order,
)
from tests.support.sandbox_shop import ACCOUNT, open_shop, order_of


def bench_on(path: Path | None) -> ProviderBench:
    shop = open_shop(path, delivers_at_once=True)
    till: SandboxTill = shop.sandbox.till
    provider: PaymentProvider = shop.provider
    return ProviderBench(
        provider=provider,
        pay=lambda id_: void(till.act(id_, PretendPayment.PAY)),
        let_expire=lambda _: shop.clock.turn(EXPIRY_SECONDS),
        sent_webhooks=lambda: [(letter.headers, letter.body) for letter in shop.receiver.letters],
    )


def void(_: object) -> None:
    return None


class TestSandboxInMemory(PaymentProviderContract):
    @pytest.fixture
    def bench(self) -> ProviderBench:
        return bench_on(None)


class TestSandboxOnDisk(PaymentProviderContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> ProviderBench:
        return bench_on(tmp_path / "sandbox.db")


def test_the_checkout_lies_on_the_public_address() -> None:
    created = open_shop().provider.create_invoice(order())
    id_ = created.provider_invoice_id
    assert created.checkout_url == f"https://shop.example/sandbox/checkout/{id_}"
    assert len(id_) == 22


@pytest.mark.parametrize("currency", [Currency.USD, Currency.EUR])
def test_only_sats_are_taken(currency: Currency) -> None:
    with pytest.raises(ProviderRefused) as refusal:
        open_shop().provider.create_invoice(order_of(500, currency))
    assert refusal.value.problem == "unsupported"


def test_nothing_cannot_be_sold() -> None:
    with pytest.raises(ProviderRefused) as refusal:
        open_shop().provider.create_invoice(order_of(0))
    assert refusal.value.problem == "rejected"


def test_a_payment_on_the_chain_is_processing_until_it_confirms() -> None:
    shop = open_shop()
    id_ = shop.sell(rail=Rail.ONCHAIN)
    shop.sandbox.till.act(id_, PretendPayment.PAY)
    seen = shop.provider.invoice_status(id_)
    assert (seen.status, seen.is_processing) == (ProviderStatus.PENDING, True)
    shop.clock.turn(CONFIRMATION_SECONDS - 1)
    assert shop.provider.invoice_status(id_) == seen
    shop.clock.turn(1)
    confirmed = shop.provider.invoice_status(id_)
    assert (confirmed.status, confirmed.is_processing) == (ProviderStatus.SETTLED, False)


def test_a_payment_on_the_chain_does_not_expire_once_seen() -> None:
    shop = open_shop()
    id_ = shop.sell(rail=Rail.ONCHAIN)
    shop.clock.turn(EXPIRY_SECONDS - 1)
    shop.sandbox.till.act(id_, PretendPayment.PAY)
    shop.clock.turn(2)
    assert shop.provider.invoice_status(id_).is_processing


def test_paying_again_confirms_a_payment_on_the_chain() -> None:
    shop = open_shop()
    id_ = shop.sell(rail=Rail.ONCHAIN)
    shop.sandbox.till.act(id_, PretendPayment.PAY)
    assert shop.sandbox.till.act(id_, PretendPayment.PAY).raw_status == "Settled"


def test_a_late_payment_is_reported_as_late_and_expired() -> None:
    shop = open_shop()
    id_ = shop.sell(1_000)
    shop.clock.turn(EXPIRY_SECONDS)
    shop.sandbox.till.act(id_, PretendPayment.PAY_LATE)
    report = shop.provider.invoice_status(id_)
    assert (report.status, report.is_paid_late) == (ProviderStatus.EXPIRED, True)
    assert report.raw_status == "Expired/PaidLate"
    assert report.paid == Money(currency=Currency.SAT, amount=1_000)


@pytest.mark.parametrize(
    ("payment", "status"),
    [
        (PretendPayment.MARK_SETTLED, ProviderStatus.SETTLED),
        (PretendPayment.MARK_INVALID, ProviderStatus.INVALID),
    ],
)
def test_a_mark_is_reported_as_made_by_hand(
    payment: PretendPayment, status: ProviderStatus
) -> None:
    shop = open_shop()
    id_ = shop.sell()
    shop.sandbox.till.act(id_, payment)
    report = shop.provider.invoice_status(id_)
    assert (report.status, report.marked_by_hand) == (status, True)


def test_a_part_payment_is_reported_and_then_forgotten_by_the_status_only() -> None:
    shop = open_shop()
    id_ = shop.sell(1_001)
    shop.sandbox.till.act(id_, PretendPayment.UNDERPAY)
    report = shop.provider.invoice_status(id_)
    assert (report.status, report.raw_status) == (ProviderStatus.PENDING, "New/PaidPartial")
    assert report.paid == Money(currency=Currency.SAT, amount=500)


def test_a_refund_is_reported() -> None:
    shop = open_shop()
    id_ = shop.sell()
    shop.sandbox.till.act(id_, PretendPayment.PAY)
    shop.sandbox.till.act(id_, PretendPayment.REFUND)
    assert shop.provider.invoice_status(id_).status is ProviderStatus.REFUNDED


def test_the_till_shows_what_was_ordered() -> None:
    shop = open_shop()
    shown = shop.sandbox.till.show(shop.sell(1_234))
    assert shown.amount_sats == 1_234
    assert shown.invoice_id == order_of().invoice_id
    assert shown.redirect_url == order_of().redirect_url
    assert shown.expires_at - shown.created_at == 900


def test_the_till_does_not_know_strangers() -> None:
    till = open_shop().sandbox.till
    with pytest.raises(NotFound):
        till.show("stranger")
    with pytest.raises(NotFound):
        till.act("stranger", PretendPayment.PAY)


def test_the_books_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    before = open_shop(path, seed="before")
    id_ = before.sell()
    before.sandbox.till.act(id_, PretendPayment.PAY)
    after = open_shop(path, seed="after")
    assert after.provider.invoice_status(id_).status is ProviderStatus.SETTLED
    assert after.deliver() == 4
    letter = after.receiver.letters[0]
    assert before.provider.parse_webhook(letter.headers, letter.body).provider_invoice_id == id_


def test_two_ledgers_do_not_believe_each_other() -> None:
    one, other = open_shop(seed="one", delivers_at_once=True), open_shop(seed="other")
    one.sandbox.till.act(one.sell(), PretendPayment.PAY)
    letter = one.receiver.letters[0]
    with pytest.raises(NotAuthentic):
        other.provider.parse_webhook(letter.headers, letter.body)


def test_an_account_that_was_connected_anew_still_knows_its_invoices() -> None:
    shop = open_shop()
    id_ = shop.sell()
    again = shop.sandbox.provider_for(msgspec.structs.replace(ACCOUNT, label="Sandbox, again"))
    assert again.invoice_status(id_).status is ProviderStatus.PENDING


def test_books_that_cannot_be_read_are_an_unknown_outcome(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    path.write_bytes(b"this is no database, and long enough to be seen as none " * 20)
    with pytest.raises(ProviderUnavailable):
        open_shop(path)
