"""Zaprite's adapter against its double: every status, every failure, and what it must never do."""

import logging
from collections.abc import Iterator

import msgspec
import pytest

from keysat_adapters.zaprite.wire import DETAIL_CHARS_MAX
from keysat_core.domain.merchant import disconnected
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import ProviderStatus
from keysat_core.domain.secret import Secret
from keysat_core.errors import (
    ProviderNotLoaded,
    ProviderRefused,
    ProviderUnavailable,
    UpstreamError,
)
from tests.contract.payment_provider_contract import (
    PaymentProviderContract,
    ProviderBench,
    order,
)
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
from tests.support.builders import NOW
from tests.support.zaprite_bench import BASE, ZapriteBench, open_bench


@pytest.fixture
def bench() -> Iterator[ZapriteBench]:
    with open_bench() as opened:
        yield opened


@pytest.mark.parametrize("absent", ["null", "left out"])
class TestZaprite(PaymentProviderContract):
    @pytest.fixture
    def bench(self, absent: str) -> Iterator[ProviderBench]:
        with open_bench(shows_nulls=absent == "null") as opened:

            def sent_webhooks() -> list[tuple[dict[str, str], bytes]]:
                opened.fake.deliver_due()
                return opened.sent

            yield ProviderBench(
                provider=opened.provider,
                pay=lambda id_: void(opened.fake.pay(id_)),
                let_expire=lambda _: void(opened.clock.advance(86_401)),
                sent_webhooks=sent_webhooks,
            )


def void(_: object) -> None:
    return None


# --- what is sent -------------------------------------------------------------------------------


def test_an_order_is_asked_for_in_whole_sats(bench: ZapriteBench) -> None:
    created = bench.provider.create_invoice(order(amount_sats=98_000))
    (sent,) = bench.sent_to("create_order")
    assert sent == {
        "amount": 98_000,
        "currency": "BTC",
        "externalUniqId": "our-invoice-one",
        "redirectUrl": order().redirect_url,
        "label": "Keysat order our-invoice-one",
        "metadata": {"productId": "p-1"},
        "expiresAt": "2027-01-16T08:00:00Z",
    }
    id_ = created.provider_invoice_id
    assert created.checkout_url == f"https://pay.zaprite.com/order/{id_}"


@pytest.mark.parametrize("currency", [Currency.USD, Currency.EUR])
def test_fiat_is_asked_for_in_cents(bench: ZapriteBench, currency: Currency) -> None:
    id_ = bench.sell(price=Money(currency=currency, amount=1_999))
    (sent,) = bench.sent_to("create_order")
    assert (sent["amount"], sent["currency"]) == (1_999, currency)
    assert bench.provider.invoice_status(id_).price == Money(currency=currency, amount=1_999)


def test_metadata_is_cut_to_what_zaprite_takes(bench: ZapriteBench) -> None:
    bench.sell(metadata={f"k{n}": "x" * 2_000 for n in range(60)})
    (sent,) = bench.sent_to("create_order")
    assert len(sent["metadata"]) == 50
    assert set(sent["metadata"].values()) == {"x" * 1_000}


def test_a_payer_whose_card_may_be_saved_is_made_a_contact(bench: ZapriteBench) -> None:
    bench.sell(saves_payment_method=True, buyer_email="a@b.example")
    (contact,) = bench.sent_to("create_contact")
    assert contact == {"email": "a@b.example", "legalName": "a@b.example"}
    (sent,) = bench.sent_to("create_order")
    assert sent["contactId"] in bench.fake.live.contacts
    assert sent["allowSavePaymentProfile"] is True
    assert sent["customerData"] == {"email": "a@b.example"}


def test_without_an_email_nothing_is_saved(bench: ZapriteBench) -> None:
    bench.sell(saves_payment_method=True)
    (sent,) = bench.sent_to("create_order")
    assert "contactId" not in sent
    assert "allowSavePaymentProfile" not in sent
    assert bench.sent_to("create_contact") == []


@pytest.mark.parametrize(
    "action", [Answer(500), Answer(400), Timeout(), Html(), DropField("id"), Answer(401)]
)
def test_a_contact_that_cannot_be_made_costs_no_sale(
    bench: ZapriteBench, action: CallAction
) -> None:
    bench.fake.faults.on_call("create_contact", action)
    bench.sell(saves_payment_method=True, buyer_email="a@b.example")
    (sent,) = bench.sent_to("create_order")
    assert "allowSavePaymentProfile" not in sent
    assert sent["customerData"] == {"email": "a@b.example"}


def test_an_order_that_may_save_nothing_is_made_plain(bench: ZapriteBench) -> None:
    bench.fake.faults.on_call("create_order", Answer(400, {"code": "BAD_REQUEST"}))
    bench.sell(saves_payment_method=True, buyer_email="a@b.example")
    first, second = bench.sent_to("create_order")
    assert "contactId" in first
    assert "contactId" not in second


# --- what is read -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "status", "raw_status"),
    [
        ("PAID", ProviderStatus.SETTLED, "PAID"),
        ("COMPLETE", ProviderStatus.SETTLED, "COMPLETE"),
        ("OVERPAID", ProviderStatus.SETTLED, "OVERPAID"),
        ("PENDING", ProviderStatus.PENDING, "PENDING"),
        ("PROCESSING", ProviderStatus.PENDING, "PROCESSING"),
        ("UNDERPAID", ProviderStatus.PENDING, "UNDERPAID"),
        ("ABANDONED", ProviderStatus.EXPIRED, "ABANDONED"),
        ("EXPIRED", ProviderStatus.EXPIRED, "EXPIRED"),
        ("CANCELED", ProviderStatus.INVALID, "CANCELED"),
        ("CANCELLED", ProviderStatus.INVALID, "CANCELLED"),
        ("INVALID", ProviderStatus.INVALID, "INVALID"),
        ("REFUNDED", ProviderStatus.REFUNDED, "REFUNDED"),
        ("paid", ProviderStatus.PENDING, "paid"),
        (" PAID", ProviderStatus.PENDING, " PAID"),
        ("MELTED", ProviderStatus.PENDING, "MELTED"),
        ("", ProviderStatus.PENDING, "(empty)"),
        (None, ProviderStatus.PENDING, "(no status)"),
        (7, ProviderStatus.PENDING, "(no status)"),
        (["PAID"], ProviderStatus.PENDING, "(no status)"),
        ("X" * 99 + "\x1b", ProviderStatus.PENDING, "X" * 40),
    ],
)
def test_each_status_has_its_meaning(
    bench: ZapriteBench, said: object, status: ProviderStatus, raw_status: str
) -> None:
    id_ = bench.sell()
    bench.fake.faults.on_call("get_order", ReplaceField("status", said))
    report = bench.provider.invoice_status(id_)
    assert (report.status, report.raw_status) == (status, raw_status)
    assert report.is_processing is (said == "PROCESSING")
    assert report.is_overpaid is (said == "OVERPAID")


def test_an_order_without_a_status_stays_pending(bench: ZapriteBench) -> None:
    id_ = bench.sell()
    bench.fake.pay(id_)
    bench.fake.faults.on_call("get_order", DropField("status"))
    assert bench.provider.invoice_status(id_).status is ProviderStatus.PENDING


def test_a_status_nobody_knows_is_told(
    bench: ZapriteBench, caplog: pytest.LogCaptureFixture
) -> None:
    id_ = bench.sell()
    bench.fake.set_status(id_, "MELTED")
    with caplog.at_level(logging.WARNING, "keysat.zaprite"):
        bench.provider.invoice_status(id_)
    assert "MELTED" in caplog.text


def test_coins_are_under_way_until_they_confirm(bench: ZapriteBench) -> None:
    id_ = bench.sell()
    bench.fake.pay(id_, "BITCOIN")
    seen = bench.provider.invoice_status(id_)
    assert (seen.status, seen.is_processing, seen.paid) == (
        ProviderStatus.PENDING,
        True,
        Money(currency=Currency.SAT, amount=0),
    )
    bench.fake.confirm(id_)
    assert bench.provider.invoice_status(id_).status is ProviderStatus.SETTLED


def test_a_part_is_reported_with_its_amount(bench: ZapriteBench) -> None:
    id_ = bench.sell()
    bench.fake.pay(id_, amount=1_000)
    seen = bench.provider.invoice_status(id_)
    assert (seen.status, seen.raw_status) == (ProviderStatus.PENDING, "UNDERPAID")
    assert seen.paid == Money(currency=Currency.SAT, amount=1_000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("totalAmount", "21000"),
        ("totalAmount", True),
        ("totalAmount", -1),
        ("totalAmount", 2**63),
        ("totalAmount", 1.5),
        ("currency", "LBTC"),
        ("currency", None),
    ],
)
def test_an_amount_that_cannot_be_read_gives_no_opinion(
    bench: ZapriteBench, name: str, value: object
) -> None:
    id_ = bench.sell()
    bench.fake.faults.on_call("get_order", ReplaceField(name, value))
    assert bench.provider.invoice_status(id_).price is None


@pytest.mark.parametrize(
    "transactions",
    [
        None,
        ["x"],
        [{"status": "CONFIRMED"}],
        [{"status": "CONFIRMED", "amountInOrderCurrency": 5, "orderCurrency": "USD"}],
    ],
)
def test_transactions_that_cannot_be_read_add_up_to_nothing(
    bench: ZapriteBench, transactions: object
) -> None:
    id_ = bench.sell()
    bench.fake.faults.on_call("get_order", ReplaceField("transactions", transactions))
    assert bench.provider.invoice_status(id_).paid is None


def test_an_answer_about_another_order_is_not_believed(bench: ZapriteBench) -> None:
    paid, id_ = bench.sell(), bench.sell()
    bench.fake.pay(paid)
    bench.fake.faults.on_call("get_order", ReplaceField("id", paid), count=None)
    with pytest.raises(ProviderUnavailable):
        bench.provider.invoice_status(id_)


def test_an_id_of_ours_at_an_order_of_another_is_not_ours(bench: ZapriteBench) -> None:
    bench.sell()
    bench.fake.faults.on_call("get_order", ReplaceField("externalUniqId", "x"))
    assert bench.provider.find_by_external_id(order().invoice_id) is None


def test_a_refused_search_leaves_what_was_found_first(bench: ZapriteBench) -> None:
    id_ = bench.sell()
    bench.fake.faults.on_call("list_orders", Answer(400))
    found = bench.provider.find_by_external_id(order().invoice_id)
    assert found is not None
    assert found.provider_invoice_id == id_


# --- failures (payments 1.2) --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        (Answer(401, {"code": "UNAUTHORIZED", "message": "no"}), "auth"),
        (Answer(403, {"code": "FORBIDDEN", "message": "no"}), "auth"),
        (Answer(404, {"code": "NOT_FOUND", "message": "no"}), "not_found"),
        (Answer(400, {"code": "BAD_REQUEST", "message": "x", "issues": [{"message": "no"}]}),
         "rejected"),
        (Answer(402, {"code": "PAYMENT_REQUIRED", "message": "no"}), "rejected"),
        (Answer(409, {"code": "CONFLICT", "message": "no"}), "rejected"),
        (Answer(422, {"code": "X", "message": "no"}), "rejected"),
        (Answer(429, {"code": "TOO_MANY_REQUESTS", "message": "no"}), None),
        (Answer(500, b"<html>", "text/html"), None),
        (Answer(503, {"code": "X", "message": "no"}), None),
        (Answer(302, b""), None),
        (Answer(200, b"[]"), None),
        (Answer(200, b"[" * 100_000), None),
        (Timeout(), None),
        (Timeout(after_acting=True), None),
        (Cut(), None),
        (Html(), None),
        (Truncate(), None),
        (DropField("id"), None),
        (DropField("checkoutUrl"), None),
        (ReplaceField("checkoutUrl", "javascript:alert(1)"), None),
        (ReplaceField("checkoutUrl", "http://[bad"), None),
        (ReplaceField("checkoutUrl", "https://a/ b"), None),
        (ReplaceField("checkoutUrl", "https://a/" + "b" * 100_000), None),
    ],
)  # fmt: skip
def test_each_failure_of_a_creation_has_its_class(
    bench: ZapriteBench, action: CallAction, problem: str | None
) -> None:
    bench.fake.faults.on_call("create_order", action)
    if problem is None:
        with pytest.raises(ProviderUnavailable) as unknown:
            bench.provider.create_invoice(order())
        said = str(unknown.value)
    else:
        with pytest.raises(ProviderRefused) as refusal:
            bench.provider.create_invoice(order())
        assert refusal.value.problem == problem
        assert isinstance(action, Answer)
        assert refusal.value.http_status == action.status
        said = str(refusal.value)
        assert "no" in said
    assert bench.key not in said
    assert "<html>" not in said
    # Creating twice could mean being paid twice.
    assert len(bench.sent_to("create_order")) == 1


def test_an_answer_that_repeats_the_key_does_not_give_it_away(bench: ZapriteBench) -> None:
    said = {"code": "UNAUTHORIZED", "message": f"bad key {bench.key}\r\n" + "x" * 900}
    bench.fake.faults.on_call("get_order", Answer(401, said))
    with pytest.raises(ProviderRefused) as refusal:
        bench.provider.invoice_status("x")
    assert bench.key not in str(refusal.value)
    assert len(str(refusal.value)) < 350
    assert str(refusal.value).isprintable()


def test_nor_does_one_that_is_cut_in_the_middle_of_it(bench: ZapriteBench) -> None:
    for filler in range(DETAIL_CHARS_MAX - len(bench.key), DETAIL_CHARS_MAX):
        said = {"message": "x" * filler + bench.key}
        bench.fake.faults.on_call("get_order", Answer(401, said))
        with pytest.raises(ProviderRefused) as refusal:
            bench.provider.invoice_status("x")
        assert bench.key[:4] not in str(refusal.value)


def test_a_key_no_header_can_hold_is_not_quoted(bench: ZapriteBench) -> None:
    account = msgspec.structs.replace(bench.account, api_key=Secret("two\r\nlines"))
    with pytest.raises(UpstreamError) as failure:
        bench.zaprite.provider_for(account).probe()
    assert "lines" not in str(failure.value)


@pytest.mark.parametrize("action", [Cut(), Answer(502), Truncate(), Html(500)])
def test_a_read_is_tried_once_more(bench: ZapriteBench, action: CallAction) -> None:
    id_ = bench.sell()
    bench.fake.faults.on_call("get_order", action)
    assert bench.provider.invoice_status(id_).status is ProviderStatus.PENDING


@pytest.mark.parametrize("action", [Timeout(), Answer(429)])
def test_a_read_that_could_not_do_better_is_not_tried_again(
    bench: ZapriteBench, action: CallAction
) -> None:
    id_ = bench.sell()
    bench.fake.faults.on_call("get_order", action)
    with pytest.raises(ProviderUnavailable):
        bench.provider.invoice_status(id_)
    assert len(bench.fake.journal.calls("get_order")) == 1


def test_another_organizations_order_is_not_found(bench: ZapriteBench) -> None:
    id_ = bench.sell()
    other = msgspec.structs.replace(bench.account, api_key=Secret(bench.fake.sandbox.api_key))
    with pytest.raises(ProviderRefused) as refusal:
        bench.zaprite.provider_for(other).invoice_status(id_)
    assert refusal.value.problem == "not_found"


def test_ids_are_escaped_on_the_way(bench: ZapriteBench) -> None:
    with pytest.raises(ProviderRefused):
        bench.provider.invoice_status("../contacts?x=1#y")
    (call,) = bench.fake.journal.calls("get_order")
    assert call.request.path == "/v1/orders/..%2Fcontacts%3Fx%3D1%23y"


def test_a_disconnected_account_asks_nobody(bench: ZapriteBench) -> None:
    with pytest.raises(ProviderNotLoaded) as refusal:
        bench.zaprite.provider_for(disconnected(bench.account, NOW))
    assert "connect it again" in str(refusal.value)


def test_zaprite_pays_nobody(bench: ZapriteBench) -> None:
    with pytest.raises(ProviderRefused) as refusal:
        bench.provider.pay_bolt11("lnbc1")
    assert refusal.value.problem == "unsupported"
    with pytest.raises(ProviderRefused) as refusal:
        bench.provider.lightning_payment("00")
    assert refusal.value.problem == "not_found"


def test_a_probe_reads_one_order(bench: ZapriteBench) -> None:
    bench.provider.probe()
    bench.fake.revoke_key(bench.key)
    with pytest.raises(ProviderRefused) as refusal:
        bench.provider.probe()
    assert refusal.value.problem == "auth"


# --- connecting ---------------------------------------------------------------------------------


def test_a_webhook_is_registered_at_its_exact_address(bench: ZapriteBench) -> None:
    url = "https://shop.example/v1/zaprite/webhook/1"
    id_ = bench.zaprite.register_webhook(BASE, Secret(bench.key), url)
    assert id_ is not None
    assert bench.fake.live.webhooks[id_] == url
    bench.fake.faults.on_call("create_webhook", DropField("id"))
    assert bench.zaprite.register_webhook(BASE, Secret(bench.key), url) is None


def test_a_ping_tells_a_good_key_from_a_bad_one(bench: ZapriteBench) -> None:
    bench.zaprite.ping(BASE + "/", Secret(bench.key))
    with pytest.raises(ProviderRefused) as refusal:
        bench.zaprite.ping(BASE, Secret("another"))
    assert refusal.value.problem == "auth"
