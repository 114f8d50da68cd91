"""BTCPay's adapter against its double: every status, every failure, and what it must never do."""

from collections.abc import Iterator

import msgspec
import pytest

from keysat_adapters.btcpay.client import GreenfieldClient
from keysat_adapters.btcpay.provider import BTCPayProvider
from keysat_adapters.btcpay.server import SAME_WEBHOOKS_MAX, BTCPayStoresView
from keysat_adapters.outbound.http import HTTPSender
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import InvoiceOrder, LightningStatus, ProviderStatus, Rail
from keysat_core.domain.secret import Secret
from keysat_core.errors import (
    ProviderRefused,
    ProviderUnavailable,
    UpstreamError,
)
from tests.contract.payment_provider_contract import (
    PaymentProviderContract,
    ProviderBench,
    order,
)
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.invoices import Status
from tests.simulators.btcpay.modes import Mode
from tests.simulators.btcpay.stores import Route
from tests.simulators.fault_plan import (
    Answer,
    CallAction,
    Cut,
    DropField,
    Html,
    ReplaceField,
    Timeout,
    Truncate,
)
from tests.simulators.virtual_clock import VirtualClock

SECRET = Secret("topsecret")
BASE = "http://btcpay.internal"
NESTED = b'{"id":"x","x":%s%s}' % (b"[" * 9_999, b"]" * 9_999)
"""Deeper than anything can be read."""


class Bench:
    """A store at the double, and the adapter that sells through it."""

    def __init__(self, mode: Mode | str = Mode.V2_4) -> None:
        self.sent: list[tuple[dict[str, str], bytes]] = []
        self.clock = VirtualClock()
        self.fake = FakeBTCPay(self.clock, mode=mode, post=self._post)
        self.store = self.fake.add_store()
        self.key = self.fake.add_key(self.store.id)
        self.sender = HTTPSender(transport=self.fake.transport())
        client = GreenfieldClient(self.sender, BASE, Secret(self.key))
        self.provider = BTCPayProvider(
            client, store_id=self.store.id, webhook_secret=SECRET, public_base=None
        )
        self.client = client

    def _post(self, url: str, headers: object, body: bytes) -> int:
        assert isinstance(headers, dict)
        self.sent.append(({name.lower(): value for name, value in headers.items()}, body))
        return 200

    def listen(self) -> None:
        """Register a webhook as a connect does."""
        BTCPayStoresView(self.client).put_webhook(
            self.store.id, "https://shop.example/w", SECRET, former_urls=()
        )


@pytest.fixture
def bench() -> Iterator[Bench]:
    opened = Bench()
    with opened.sender:
        yield opened
    opened.fake.check()


@pytest.mark.parametrize("mode", [Mode.V2_0, Mode.V2_3_4, Mode.V2_4])
class TestBTCPay(PaymentProviderContract):
    @pytest.fixture
    def bench(self, mode: Mode) -> Iterator[ProviderBench]:
        opened = Bench(mode)
        opened.listen()
        with opened.sender:
            yield ProviderBench(
                provider=opened.provider,
                pay=opened.fake.pay,
                let_expire=lambda _: void(opened.clock.advance(901)),
                sent_webhooks=lambda: opened.sent,
            )
        opened.fake.check()


def void(_: object) -> None:
    return None


# --- what is sent -------------------------------------------------------------------------------


def test_an_invoice_is_asked_for_in_bitcoin_with_eight_decimals(bench: Bench) -> None:
    wanted = InvoiceOrder(
        invoice_id=InvoiceId("our-1"),
        price=Money(currency=Currency.SAT, amount=98_000),
        redirect_url="myapp://done?x={InvoiceId}",
        metadata={"productId": "p", "orderId": "somebody else's"},
        rail=Rail.LIGHTNING,
        buyer_email="a@b.example",
    )
    created = bench.provider.create_invoice(wanted)
    (call,) = bench.fake.journal.calls("create_invoice")
    sent = msgspec.json.decode(call.request.body)
    assert sent["amount"] == "0.00098000"
    assert sent["currency"] == "BTC"
    assert sent["metadata"] == {"productId": "p", "orderId": "our-1", "source": "keysat"}
    assert sent["checkout"] == {
        "redirectURL": "myapp://done?x=%7BInvoiceId%7D",
        "redirectAutomatically": True,
        "defaultPaymentMethod": "BTC-LN",
    }
    assert "a@b.example" not in str(sent)
    assert created.checkout_url == f"{BASE}/i/{created.provider_invoice_id}"


def test_d37_an_invoice_may_be_payable_for_longer_than_the_store_has_it(bench: Bench) -> None:
    wanted = msgspec.structs.replace(order(), pays_within_seconds=86_400)
    created = bench.provider.create_invoice(wanted)
    bench.clock.advance(86_399)
    found = bench.provider.invoice_status(created.provider_invoice_id)
    assert found.status is ProviderStatus.PENDING
    bench.clock.advance(10)
    found = bench.provider.invoice_status(created.provider_invoice_id)
    assert found.status is ProviderStatus.EXPIRED


@pytest.mark.parametrize("email", ["a@b.example", None])
def test_the_store_is_told_who_buys_where_the_operator_wants_it(
    bench: Bench, email: str | None
) -> None:
    telling = BTCPayProvider(
        bench.client,
        store_id=bench.store.id,
        webhook_secret=SECRET,
        public_base=None,
        sends_buyer_email=True,
    )
    wanted = msgspec.structs.replace(order(), buyer_email=email)
    telling.create_invoice(wanted)
    (call,) = bench.fake.journal.calls("create_invoice")
    metadata = msgspec.json.decode(call.request.body)["metadata"]
    assert metadata.get("buyerEmail") == email
    assert ("buyerEmail" in metadata) is (email is not None)


def test_only_sats_are_taken(bench: Bench) -> None:
    price = Money(currency=Currency.USD, amount=500)
    with pytest.raises(ProviderRefused) as refusal:
        bench.provider.create_invoice(
            InvoiceOrder(invoice_id=InvoiceId("x"), price=price, redirect_url="", metadata={})
        )
    assert refusal.value.problem == "unsupported"
    assert bench.fake.journal.calls("create_invoice") == []


# --- what is read -------------------------------------------------------------------------------


def sold(bench: Bench) -> str:
    return bench.provider.create_invoice(order()).provider_invoice_id


def test_money_on_the_chain_is_pending_until_it_confirms(bench: Bench) -> None:
    id_ = sold(bench)
    bench.fake.pay(id_, rail="onchain")
    seen = bench.provider.invoice_status(id_)
    assert (seen.status, seen.is_processing) == (ProviderStatus.PENDING, True)
    bench.fake.confirm(id_)
    assert bench.provider.invoice_status(id_).status is ProviderStatus.SETTLED


def test_a_part_is_reported_with_its_amount(bench: Bench) -> None:
    id_ = sold(bench)
    bench.fake.pay(id_, 1_000)
    assert bench.provider.invoice_status(id_).raw_status == "New/PaidPartial"
    bench.clock.advance(901)
    seen = bench.provider.invoice_status(id_)
    assert (seen.status, seen.raw_status) == (ProviderStatus.EXPIRED, "Expired/PaidPartial")
    assert seen.paid == Money(currency=Currency.SAT, amount=1_000)
    assert not seen.is_paid_late


@pytest.mark.parametrize("mode", ["2.0", "2.4"])
def test_too_much_is_told_also_where_the_amount_is_not(mode: str) -> None:
    bench = Bench(mode)
    with bench.sender:
        exact, over = sold(bench), sold(bench)
        bench.fake.pay(exact)
        bench.fake.pay(over, 200_000)
        assert not bench.provider.invoice_status(exact).is_overpaid
        seen = bench.provider.invoice_status(over)
    assert (seen.status, seen.is_overpaid) == (ProviderStatus.SETTLED, True)
    bench.fake.check()


def test_too_much_is_told_when_the_seller_marked_it_too(bench: Bench) -> None:
    id_ = sold(bench)
    bench.clock.advance(901)
    bench.fake.pay(id_, 200_000)
    bench.fake.mark(id_, Status.SETTLED)
    seen = bench.provider.invoice_status(id_)
    assert (seen.raw_status, seen.is_overpaid) == ("Settled/Marked", True)


def test_a_late_payment_is_told_and_whether_it_is_final(bench: Bench) -> None:
    id_ = sold(bench)
    bench.clock.advance(901)
    bench.fake.pay(id_, rail="onchain")
    seen = bench.provider.invoice_status(id_)
    assert (seen.status, seen.is_paid_late, seen.is_late_final) == (
        ProviderStatus.EXPIRED,
        True,
        False,
    )
    bench.fake.confirm(id_)
    assert bench.provider.invoice_status(id_).is_late_final


@pytest.mark.parametrize(
    ("mark", "status"),
    [(Status.SETTLED, ProviderStatus.SETTLED), (Status.INVALID, ProviderStatus.INVALID)],
)
def test_the_sellers_hand_is_honored(bench: Bench, mark: Status, status: ProviderStatus) -> None:
    id_ = sold(bench)
    bench.clock.advance(901)
    bench.fake.mark(id_, mark)
    seen = bench.provider.invoice_status(id_)
    assert (seen.status, seen.marked_by_hand) == (status, True)


@pytest.mark.parametrize(
    ("amount", "sats"),
    [
        ("0.00098", 98_000),
        ("0.00098000", 98_000),
        ("0.000980004", 98_000),
        ("0.000980005", 98_001),
        (0.00098, 98_000),
        (0, None),
        ("-1", None),
        ("0.000000004", None),
        (None, None),
        ("9e999999", None),
        ("-9e999999", None),
    ],
)
def test_an_amount_is_read_whatever_its_scale(
    bench: Bench, amount: object, sats: int | None
) -> None:
    id_ = sold(bench)
    bench.fake.faults.on_call("get_invoice", ReplaceField("amount", amount))
    price = bench.provider.invoice_status(id_).price
    assert (price.amount if price else None) == sats


def test_another_currency_gives_no_opinion_and_an_unknown_status_decides_nothing(
    bench: Bench,
) -> None:
    id_ = sold(bench)
    bench.fake.faults.on_call("get_invoice", ReplaceField("currency", "USD"))
    assert bench.provider.invoice_status(id_).price is None
    bench.fake.faults.on_call("get_invoice", ReplaceField("status", "Melted"))
    seen = bench.provider.invoice_status(id_)
    assert (seen.status, seen.raw_status) == (ProviderStatus.PENDING, "Melted")


def test_of_several_with_our_id_a_settled_one_is_found(bench: Bench) -> None:
    first, paid, _ = (sold(bench) for _ in range(3))
    assert bench.provider.find_by_external_id(order().invoice_id) is not None
    bench.fake.pay(paid)
    found = bench.provider.find_by_external_id(order().invoice_id)
    assert found is not None
    assert found.provider_invoice_id == paid != first
    assert bench.provider.find_by_external_id(InvoiceId("nobody's")) is None


# --- failures (payments 1.2) --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        (Answer(401, {"code": "unauthenticated", "message": "no"}), "auth"),
        (Answer(403, {"code": "missing-permission", "message": "no"}), "auth"),
        (Answer(404, {"code": "invoice-not-found", "message": "no"}), "not_found"),
        (Answer(400, {"code": "generic-error", "message": "no"}), "rejected"),
        (Answer(409, {"code": "x", "message": "no"}), "rejected"),
        (Answer(422, [{"path": "Amount", "message": "no"}]), "rejected"),
        (Answer(429, {"code": "slow-down", "message": "no"}), None),
        (Answer(500, b"<html>", "text/html"), None),
        (Answer(503, {"code": "not-available", "message": "no"}), None),
        (Answer(302, b""), None),
        (Timeout(), None),
        (Timeout(after_acting=True), None),
        (Cut(), None),
        (Html(), None),
        (Truncate(), None),
        (DropField("id"), None),
        (Answer(200, NESTED), None),
        (Answer(500, NESTED), None),
    ],
)
def test_each_failure_of_a_creation_has_its_class(
    bench: Bench, action: CallAction, problem: str | None
) -> None:
    bench.fake.faults.on_call("create_invoice", action)
    if problem is None:
        with pytest.raises(ProviderUnavailable) as unknown:
            bench.provider.create_invoice(order())
        said = str(unknown.value)
    else:
        with pytest.raises(ProviderRefused) as refused:
            bench.provider.create_invoice(order())
        assert refused.value.problem == problem
        said = str(refused.value)
        assert "no" in said
    assert bench.key not in said
    assert "<html>" not in said
    # Creating twice could mean being paid twice.
    assert len(bench.fake.journal.calls("create_invoice")) == 1


@pytest.mark.parametrize("name", ["id", "status", "checkoutLink"])
def test_an_invoice_is_not_found_by_half(bench: Bench, name: str) -> None:
    bench.provider.create_invoice(order())
    bench.fake.faults.on_call("list_invoices", DropField(name), count=2)
    with pytest.raises(ProviderUnavailable):
        bench.provider.find_by_external_id(order().invoice_id)
    found = bench.provider.find_by_external_id(order().invoice_id)
    assert found is not None
    assert found.checkout_url.endswith(f"/i/{found.provider_invoice_id}")


@pytest.mark.parametrize("status", [400, 422, 500])
def test_what_an_error_says_holds_no_key_and_nothing_a_terminal_obeys(
    bench: Bench, status: int
) -> None:
    said = f"{bench.key} \x1b[2J\u202eand\nmore"
    body = {"code": "x", "message": said}
    answer = Answer(status, [{"path": "A", "message": said}] if status == 422 else body)
    bench.fake.faults.on_call("create_invoice", answer)
    with pytest.raises(UpstreamError, match="and more") as failed:
        bench.provider.create_invoice(order())
    assert bench.key not in str(failed.value)
    assert str(failed.value).isprintable()


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "//evil.example/i/x", "http://a/ b", ""]
)
def test_buyers_are_led_to_pages_of_the_web_alone(bench: Bench, link: str) -> None:
    bench.fake.faults.on_call("create_invoice", ReplaceField("checkoutLink", link))
    with pytest.raises(ProviderUnavailable):
        bench.provider.create_invoice(order())
    bench.fake.faults.on_call("list_invoices", ReplaceField("checkoutLink", link), count=2)
    with pytest.raises(ProviderUnavailable):
        bench.provider.find_by_external_id(order().invoice_id)
    bench.fake.pay(bench.fake.invoices()[-1].id)
    found = bench.provider.find_by_external_id(order().invoice_id)
    assert found is not None
    assert found.checkout_url == ""


@pytest.mark.parametrize("action", [Cut(), Answer(502), Truncate()])
def test_a_read_is_tried_once_more(bench: Bench, action: CallAction) -> None:
    id_ = sold(bench)
    bench.fake.faults.on_call("get_invoice", action)
    assert bench.provider.invoice_status(id_).status is ProviderStatus.PENDING


def test_a_read_that_took_all_its_time_is_not_tried_again(bench: Bench) -> None:
    id_ = sold(bench)
    bench.fake.faults.on_call("get_invoice", Timeout())
    with pytest.raises(ProviderUnavailable):
        bench.provider.invoice_status(id_)
    assert len(bench.fake.journal.calls("get_invoice")) == 1


def test_an_invoice_of_nobody_is_not_found(bench: Bench) -> None:
    with pytest.raises(ProviderRefused) as refused:
        bench.provider.invoice_status("4cLstvvUwbmTRpdQ3nAPCG")
    assert refused.value.problem == "not_found"


def test_ids_cannot_lead_elsewhere(bench: Bench) -> None:
    with pytest.raises(ProviderRefused):
        bench.provider.invoice_status("../../../api-keys/current?x=")
    (call,) = bench.fake.journal.calls("get_invoice")
    assert "%2F" in call.request.path


def test_a_server_that_lists_webhooks_without_end_is_not_followed(bench: Bench) -> None:
    listed = [{"id": f"w{n}", "url": "https://shop.example/w"} for n in range(5_000)]
    bench.fake.faults.on_call("list_webhooks", Answer(200, listed))
    bench.listen()
    assert len(bench.fake.journal.calls("delete_webhook")) == SAME_WEBHOOKS_MAX


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"orderId": order().invoice_id},
        {"orderId": order().invoice_id, "source": "a point of sale"},
        {"orderId": "another", "source": "keysat"},
    ],
)
def test_an_invoice_we_did_not_make_is_not_taken_for_ours(
    bench: Bench, metadata: dict[str, str] | None
) -> None:
    """At a point of sale buyers may choose the order id, and the price."""
    sold(bench)
    assert bench.provider.find_by_external_id(order().invoice_id) is not None
    bench.fake.faults.on_call("list_invoices", ReplaceField("metadata", metadata))
    assert bench.provider.find_by_external_id(order().invoice_id) is None


# --- lightning (payments 6.13) ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "status"),
    [(Route.COMPLETE, LightningStatus.SENT), (Route.PENDING, LightningStatus.PENDING)],
)
def test_what_became_of_a_lightning_payment_is_told(
    bench: Bench, route: Route, status: LightningStatus
) -> None:
    bench.fake.add_payable(bench.store.id, "lnbcrt1x", "ab" * 32, 10, route)
    paid = bench.provider.pay_bolt11("lnbcrt1x")
    assert (paid.status, paid.payment_hash) == (status, "ab" * 32)
    assert bench.provider.lightning_payment("ab" * 32).status is status
    bench.fake.resolve_payment(bench.store.id, "ab" * 32, "Failed")
    assert bench.provider.lightning_payment("ab" * 32).status is LightningStatus.FAILED


def test_a_payment_nobody_tried_is_not_found(bench: Bench) -> None:
    with pytest.raises(ProviderRefused) as refused:
        bench.provider.lightning_payment("ab" * 32)
    assert refused.value.problem == "not_found"
