"""The double's invoices move as BTCPay's do, and say so in the same order."""

from decimal import Decimal

import pytest

from tests.simulators.btcpay.invoice_machine import IllegalMark
from tests.simulators.btcpay.modes import Mode
from tests.support.btcpay_bench import PRICE_SATS, Bench

HALF = PRICE_SATS // 2
QUARTER_HOUR = 15 * 60
DAY = 24 * 60 * 60
MODES = [pytest.param(mode, id=str(mode)) for mode in Mode]


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.register()
    return bench


def test_a_new_invoice_is_announced(bench: Bench) -> None:
    invoice = bench.create()
    assert bench.ear.types() == []
    bench.fake.deliver_due()
    assert (bench.state(invoice), bench.ear.types()) == ("New/None", ["InvoiceCreated"])


@pytest.mark.parametrize("mode", MODES)
def test_lightning_settles_at_once(mode: Mode) -> None:
    bench = Bench(mode)
    bench.register()
    invoice = bench.create()
    bench.fake.pay(invoice)
    assert bench.state(invoice) == "Settled/None"
    assert bench.ear.types() == [
        "InvoiceCreated",
        "InvoiceReceivedPayment",
        "InvoiceProcessing",
        "InvoicePaymentSettled",
        "InvoiceSettled",
    ]
    settled = bench.ear.events()[-1]
    assert (settled["manuallyMarked"], settled["overPaid"]) == (False, False)


def test_on_chain_waits_for_its_confirmation(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.pay(invoice, rail="onchain")
    bench.fake.advance(40 * 60)
    assert bench.state(invoice) == "Processing/None"
    assert bench.ear.types()[1:] == ["InvoiceReceivedPayment", "InvoiceProcessing"]
    bench.fake.confirm(invoice)
    assert bench.state(invoice) == "Settled/None"
    assert bench.ear.types()[3:] == ["InvoicePaymentSettled", "InvoiceSettled"]


@pytest.mark.parametrize(
    ("policy", "blocks"),
    [("HighSpeed", 0), ("MediumSpeed", 1), ("LowMediumSpeed", 2), ("LowSpeed", 6)],
)
def test_the_speed_policy_says_how_many_blocks_it_takes(policy: str, blocks: int) -> None:
    bench = Bench()
    invoice = bench.create(checkout={"speedPolicy": policy})
    bench.fake.pay(invoice, rail="onchain")
    for _ in range(blocks):
        assert bench.state(invoice) == "Processing/None"
        bench.fake.confirm(invoice)
    assert bench.state(invoice) == "Settled/None"


def test_a_part_waits_for_the_rest(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.pay(invoice, HALF, "onchain")
    assert bench.state(invoice) == "New/PaidPartial"
    bench.fake.pay(invoice, rail="onchain")
    assert bench.state(invoice) == "Processing/None"
    bench.fake.confirm(invoice)
    assert bench.ear.types() == [
        "InvoiceCreated",
        "InvoiceReceivedPayment",
        "InvoiceReceivedPayment",
        "InvoiceProcessing",
        "InvoicePaymentSettled",
        "InvoicePaymentSettled",
        "InvoiceSettled",
    ]


def test_too_much_settles_and_says_so(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.pay(invoice, PRICE_SATS + 1, "onchain")
    assert bench.state(invoice) == "Processing/PaidOver"
    bench.fake.confirm(invoice)
    assert bench.state(invoice) == "Settled/PaidOver"
    assert bench.ear.events()[-1]["overPaid"] is True
    assert bench.read(invoice)["paidAmount"] == "0.00098001"


def test_the_tolerance_takes_less_for_the_whole(bench: Bench) -> None:
    bench.store.tolerance_percent = Decimal(5)
    invoice = bench.create()
    bench.fake.pay(invoice, PRICE_SATS * 94 // 100)
    assert bench.state(invoice) == "New/PaidPartial"
    bench.fake.pay(invoice, PRICE_SATS // 100)
    assert bench.state(invoice) == "Settled/None"


def test_expiry_comes_a_second_after_its_time(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.advance(QUARTER_HOUR)
    assert bench.state(invoice) == "New/None"
    bench.fake.advance(1)
    assert bench.state(invoice) == "Expired/None"
    assert bench.ear.events()[-1]["type"] == "InvoiceExpired"
    assert bench.ear.events()[-1]["partiallyPaid"] is False


@pytest.mark.parametrize(
    ("mode", "more"),
    [
        (Mode.V1_13, []),
        (Mode.V2_0, []),
        (Mode.V2_3_4, ["InvoiceExpiredPaidPartial"]),
        (Mode.V2_4, ["InvoiceExpiredPaidPartial"]),
    ],
)
def test_a_part_expires_with_the_invoice(mode: Mode, more: list[str]) -> None:
    bench = Bench(mode)
    bench.register()
    invoice = bench.create()
    bench.fake.pay(invoice, HALF)
    bench.fake.advance(QUARTER_HOUR + 1)
    assert bench.state(invoice) == "Expired/PaidPartial"
    expired = bench.ear.types().index("InvoiceExpired")
    assert bench.ear.events()[expired]["partiallyPaid"] is True
    assert bench.ear.types()[expired + 1 :] == more


@pytest.mark.parametrize(
    ("mode", "more"),
    [
        (Mode.V1_13, []),
        (Mode.V2_0, []),
        (Mode.V2_3_4, ["InvoicePaidAfterExpiration"]),
        (Mode.V2_4, ["InvoicePaidAfterExpiration"]),
    ],
)
def test_what_is_paid_late_never_settles_by_itself(mode: Mode, more: list[str]) -> None:
    bench = Bench(mode)
    bench.register()
    invoice = bench.create()
    bench.fake.advance(QUARTER_HOUR + 300)
    bench.ear.heard.clear()
    bench.fake.pay(invoice, rail="onchain")
    assert bench.state(invoice) == "Expired/PaidLate"
    bench.fake.confirm(invoice, 100)
    assert bench.state(invoice) == "Expired/PaidLate"
    assert bench.ear.types() == ["InvoiceReceivedPayment", *more, "InvoicePaymentSettled"]
    assert all(event.get("afterExpiration", True) for event in bench.ear.events())
    bench.fake.mark(invoice, "Settled")
    assert bench.state(invoice) == "Settled/Marked"
    assert bench.ear.events()[-1]["manuallyMarked"] is True


def test_a_part_that_comes_late_stays_a_part(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.advance(QUARTER_HOUR + 300)
    bench.fake.pay(invoice, HALF)
    assert bench.state(invoice) == "Expired/PaidPartial"


def test_a_replaced_payment_leaves_the_invoice_as_new(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.pay(invoice, rail="onchain")
    bench.ear.heard.clear()
    bench.fake.replace(invoice)
    assert (bench.state(invoice), bench.ear.types()) == ("New/None", [])
    bench.fake.advance(QUARTER_HOUR + 1)
    assert (bench.state(invoice), bench.ear.types()) == ("Expired/None", ["InvoiceExpired"])


def test_a_payment_replaced_after_expiry_expires_the_invoice(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.pay(invoice, rail="onchain")
    bench.fake.advance(QUARTER_HOUR + 60)
    bench.fake.replace(invoice)
    assert bench.state(invoice) == "Expired/None"


def test_what_never_confirms_is_invalid_when_monitoring_ends(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.pay(invoice, rail="onchain")
    bench.fake.advance(QUARTER_HOUR + DAY)
    assert bench.state(invoice) == "Processing/None"
    bench.fake.advance(1)
    assert bench.state(invoice) == "Invalid/None"
    assert bench.ear.events()[-1]["manuallyMarked"] is False


def test_after_monitoring_no_payment_is_noticed(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.advance(QUARTER_HOUR + DAY + 2)
    bench.ear.heard.clear()
    bench.fake.pay(invoice)
    assert (bench.state(invoice), bench.ear.types()) == ("Expired/None", [])


def test_the_operator_may_mark_all_but_what_settled_by_itself(bench: Bench) -> None:
    paid, marked, expired = bench.create(), bench.create(), bench.create()
    bench.fake.pay(paid)
    assert bench.read(paid)["availableStatusesForManualMarking"] == []
    with pytest.raises(IllegalMark):
        bench.fake.mark(paid, "Invalid")
    bench.fake.mark(marked, "Settled")
    bench.fake.mark(marked, "Invalid")
    bench.fake.mark(marked, "Settled")
    assert bench.state(marked) == "Settled/Marked"
    bench.fake.advance(QUARTER_HOUR + 1)
    bench.fake.mark(expired, "Invalid")
    assert bench.state(expired) == "Invalid/Marked"


def test_marking_by_the_api_follows_the_same_rules(bench: Bench) -> None:
    paid, fresh = bench.create(), bench.create()
    bench.fake.pay(paid)
    refused = bench.client.post(f"{bench.root}/invoices/{paid}/status", json={"status": "Invalid"})
    assert (refused.status_code, refused.json()[0]["path"]) == (422, "Status")
    done = bench.client.post(f"{bench.root}/invoices/{fresh}/status", json={"status": "Settled"})
    assert (done.status_code, done.json()["status"]) == (200, "Settled")


@pytest.mark.parametrize(("mode", "told"), [(Mode.V2_3_4, False), (Mode.V2_4, True)])
def test_a_refund_changes_nothing_and_is_told_from_2_4_on(mode: Mode, *, told: bool) -> None:
    bench = Bench(mode)
    bench.register("InvoiceRefund")
    invoice = bench.create()
    bench.fake.pay(invoice)
    pull_payment = bench.fake.refund(invoice)
    assert bench.state(invoice) == "Settled/None"
    assert [event["pullPaymentId"] for event in bench.ear.events()] == [pull_payment] * told


def test_nothing_to_pay_settles_at_once(bench: Bench) -> None:
    bench.store.has_wallet, bench.store.lightning = False, None
    assert bench.state(bench.create(amount="0")) == "Settled/None"


def test_a_top_up_takes_any_payment_for_the_whole(bench: Bench) -> None:
    invoice = bench.create(amount=None)
    assert bench.read(invoice)["type"] == "TopUp"
    bench.fake.pay(invoice, 5)
    assert bench.state(invoice) == "Settled/None"


def test_after_a_restart_expiry_waits_two_minutes(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.advance(QUARTER_HOUR - 10)
    bench.fake.restart()
    bench.fake.advance(119)
    assert bench.state(invoice) == "New/None"
    bench.fake.advance(1)
    assert bench.state(invoice) == "Expired/None"


def test_an_archived_invoice_is_read_but_not_listed(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.archive(invoice)
    assert bench.read(invoice)["archived"] is True
    assert bench.client.get(f"{bench.root}/invoices").json() == []


def test_a_fiat_price_is_due_in_bitcoin(bench: Bench) -> None:
    invoice = bench.create(amount="30.004", currency="USD")
    wire = bench.read(invoice)
    assert (wire["amount"], wire["currency"]) == ("30.00", "USD")
    assert bench.fake.invoice(invoice).due_sats == 50_000


def test_the_amount_keeps_the_scale_it_was_written_with(bench: Bench) -> None:
    amounts = ["0.00098", "0.00098000", "0.000980001", "1"]
    found = [bench.read(bench.create(amount=amount))["amount"] for amount in amounts]
    assert found == ["0.00098", "0.00098000", "0.00098000", "1"]


def test_invoices_are_listed_newest_first_and_filtered(bench: Bench) -> None:
    ids = [bench.create(metadata={"orderId": f"o-{number % 2}"}) for number in range(4)]
    bench.fake.pay(ids[0])

    def listed(**query: object) -> list[int]:
        found = bench.client.get(f"{bench.root}/invoices", params=query).json()  # type: ignore[arg-type]
        return [ids.index(wire["id"]) for wire in found]

    assert listed() == [3, 2, 1, 0]
    assert listed(orderId="o-0") == [2, 0]
    assert listed(orderId=["o-0", "o-1"], status="Settled") == [0]
    assert listed(skip=1, take=2) == [2, 1]
