"""What every payment provider must do, asked of each adapter in the same words."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import InvoiceOrder, ProviderReport, ProviderStatus
from keysat_core.errors import NotAuthentic, ProviderRefused
from keysat_core.ports.payments import PaymentProvider


@dataclass(frozen=True, kw_only=True)
class ProviderBench:
    """A provider and the hands that move the world behind it."""

    provider: PaymentProvider
    pay: Callable[[str], None]
    """Pay an invoice in full and in time."""
    let_expire: Callable[[str], None]
    """Let the time to pay run out."""
    sent_webhooks: Callable[[], Sequence[tuple[Mapping[str, str], bytes]]]
    """All webhooks sent so far, oldest first: headers in lower case, body."""


def order(name: str = "one", amount_sats: int = 21_000) -> InvoiceOrder:
    return InvoiceOrder(
        invoice_id=InvoiceId(f"our-invoice-{name}"),
        price=Money(currency=Currency.SAT, amount=amount_sats),
        redirect_url="https://shop.example/thank-you?invoice_id=one",
        metadata={"productId": "p-1"},
    )


class PaymentProviderContract(ABC):
    @pytest.fixture
    @abstractmethod
    def bench(self) -> ProviderBench: ...

    def test_a_new_invoice_waits_for_its_price(self, bench: ProviderBench) -> None:
        created = bench.provider.create_invoice(order())
        report = bench.provider.invoice_status(created.provider_invoice_id)
        assert report.status is ProviderStatus.PENDING
        assert report.price == order().price
        flags = (report.is_processing, report.is_paid_late, report.marked_by_hand)
        assert flags == (False, False, False)

    def test_the_checkout_is_an_absolute_web_address(self, bench: ProviderBench) -> None:
        address = urlsplit(bench.provider.create_invoice(order()).checkout_url)
        assert address.scheme in {"http", "https"}
        assert address.netloc

    def test_every_call_opens_an_invoice_of_its_own(self, bench: ProviderBench) -> None:
        created = [bench.provider.create_invoice(order()) for _ in range(3)]
        assert len({invoice.provider_invoice_id for invoice in created}) == 3

    def test_a_paid_invoice_is_settled(self, bench: ProviderBench) -> None:
        id_ = bench.provider.create_invoice(order()).provider_invoice_id
        bench.pay(id_)
        report = bench.provider.invoice_status(id_)
        assert report.status is ProviderStatus.SETTLED
        assert report.paid in {None, order().price}

    def test_an_unpaid_invoice_expires(self, bench: ProviderBench) -> None:
        id_ = bench.provider.create_invoice(order()).provider_invoice_id
        bench.let_expire(id_)
        assert bench.provider.invoice_status(id_).status is ProviderStatus.EXPIRED

    def test_a_settled_invoice_does_not_expire(self, bench: ProviderBench) -> None:
        id_ = bench.provider.create_invoice(order()).provider_invoice_id
        bench.pay(id_)
        bench.let_expire(id_)
        assert bench.provider.invoice_status(id_).status is ProviderStatus.SETTLED

    def test_one_payment_settles_one_invoice(self, bench: ProviderBench) -> None:
        paid, other = (
            bench.provider.create_invoice(order(name)).provider_invoice_id for name in "ab"
        )
        bench.pay(paid)
        assert bench.provider.invoice_status(other).status is ProviderStatus.PENDING

    def test_asking_changes_nothing(self, bench: ProviderBench) -> None:
        id_ = bench.provider.create_invoice(order()).provider_invoice_id
        reports: list[ProviderReport] = [bench.provider.invoice_status(id_) for _ in range(3)]
        assert reports[0] == reports[1] == reports[2]

    def test_an_unknown_invoice_is_refused_as_not_found(self, bench: ProviderBench) -> None:
        with pytest.raises(ProviderRefused) as refusal:
            bench.provider.invoice_status("nosuchinvoice")
        assert refusal.value.problem == "not_found"

    def test_an_invoice_is_found_by_our_id(self, bench: ProviderBench) -> None:
        created = bench.provider.create_invoice(order("mine"))
        bench.provider.create_invoice(order("another"))
        assert bench.provider.find_by_external_id(order("mine").invoice_id) == created

    def test_an_id_we_never_sent_finds_nothing(self, bench: ProviderBench) -> None:
        bench.provider.create_invoice(order())
        assert bench.provider.find_by_external_id(InvoiceId("never-sent")) is None

    def test_of_two_unpaid_invoices_the_newest_is_found(self, bench: ProviderBench) -> None:
        bench.provider.create_invoice(order())
        newest = bench.provider.create_invoice(order())
        assert bench.provider.find_by_external_id(order().invoice_id) == newest

    def test_a_settled_invoice_is_found_before_a_newer_one(self, bench: ProviderBench) -> None:
        settled = bench.provider.create_invoice(order())
        bench.provider.create_invoice(order())
        bench.pay(settled.provider_invoice_id)
        assert bench.provider.find_by_external_id(order().invoice_id) == settled

    def test_a_payment_is_told_by_a_webhook_that_names_its_invoice(
        self, bench: ProviderBench
    ) -> None:
        id_ = bench.provider.create_invoice(order()).provider_invoice_id
        bench.pay(id_)
        sent = bench.sent_webhooks()
        assert sent
        notices = [bench.provider.parse_webhook(headers, body) for headers, body in sent]
        assert {notice.provider_invoice_id for notice in notices} == {id_}

    def test_reading_a_webhook_twice_gives_the_same_notice(self, bench: ProviderBench) -> None:
        bench.pay(bench.provider.create_invoice(order()).provider_invoice_id)
        headers, body = bench.sent_webhooks()[-1]
        read = bench.provider.parse_webhook
        assert read(headers, body) == read(headers, body)

    def test_what_is_no_webhook_is_not_authentic(self, bench: ProviderBench) -> None:
        for body in (b"", b"\xff", b"[]", b"{}", b"not json"):
            with pytest.raises(NotAuthentic):
                bench.provider.parse_webhook({}, body)
