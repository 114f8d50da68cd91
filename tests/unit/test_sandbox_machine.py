import msgspec
import pytest

from keysat_adapters.sandbox.invoice import (
    PROVIDER_STATUS,
    TRANSITIONS,
    InvoiceEvent,
    InvoiceState,
    SandboxInvoice,
    advance,
    let_time_pass,
)
from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.errors import IllegalTransition
from keysat_core.ports.sandbox import PretendPayment
from tests.support.sandbox_shop import Shop, open_shop

NOW = Instant(1_000)
INVOICE = SandboxInvoice(
    id="abc",
    invoice_id=InvoiceId("ours"),
    account_id=ProviderAccountId("account"),
    amount_sats=100,
    redirect_url="",
    created_at=NOW,
    expires_at=Instant(NOW + 900),
)
P = PretendPayment


@pytest.fixture
def shop() -> Shop:
    return open_shop(delivers_at_once=True)


def after(shop: Shop, *payments: PretendPayment) -> str:
    """Act on a new invoice, give its id, and forget the webhooks so far."""
    id_ = shop.sell()
    for payment in payments:
        shop.sandbox.till.act(id_, payment)
    shop.receiver.take_types()
    return id_


def test_every_state_can_be_reached() -> None:
    reached = {InvoiceState.NEW}
    for _ in InvoiceState:
        reached |= {step.to for (start, _), step in TRANSITIONS.items() if start in reached}
    assert reached == set(InvoiceState)


def test_every_state_means_something_to_us() -> None:
    assert set(PROVIDER_STATUS) == set(InvoiceState)


@pytest.mark.parametrize("state", InvoiceState)
@pytest.mark.parametrize("event", InvoiceEvent)
def test_what_is_not_in_the_table_raises(state: InvoiceState, event: InvoiceEvent) -> None:
    invoice = msgspec.structs.replace(INVOICE, status=state)
    if (state, event) in TRANSITIONS:
        assert advance(invoice, event, now=NOW).invoice.status is TRANSITIONS[state, event].to
        return
    with pytest.raises(IllegalTransition) as refusal:
        advance(invoice, event, now=NOW)
    assert (refusal.value.machine, refusal.value.state) == ("pretend invoice", state)


def test_settled_is_left_only_by_a_refund_or_if_marked() -> None:
    left = {
        (start, event)
        for start, event in TRANSITIONS
        if start in {InvoiceState.SETTLED, InvoiceState.SETTLED_MARKED}
    }
    assert left == {
        (InvoiceState.SETTLED, InvoiceEvent.REFUND),
        (InvoiceState.SETTLED_MARKED, InvoiceEvent.REFUND),
        (InvoiceState.SETTLED_MARKED, InvoiceEvent.MARK_INVALID),
    }


@pytest.mark.parametrize(
    ("payments", "raw_status", "types"),
    [
        (
            [P.PAY],
            "Settled",
            [
                "InvoiceReceivedPayment",
                "InvoiceProcessing",
                "InvoicePaymentSettled",
                "InvoiceSettled",
            ],
        ),
        ([P.UNDERPAY], "New/PaidPartial", ["InvoiceReceivedPayment"]),
        ([P.EXPIRE], "Expired", ["InvoiceExpired"]),
        (
            [P.UNDERPAY, P.EXPIRE],
            "Expired/PaidPartial",
            ["InvoiceExpired", "InvoiceExpiredPaidPartial"],
        ),
        (
            [P.EXPIRE, P.PAY_LATE],
            "Expired/PaidLate",
            ["InvoiceReceivedPayment", "InvoicePaymentSettled", "InvoicePaidAfterExpiration"],
        ),
        ([P.EXPIRE, P.PAY_LATE, P.MARK_SETTLED], "Settled/Marked", ["InvoiceSettled"]),
        ([P.EXPIRE, P.PAY_LATE, P.REFUND], "Expired/Refunded", ["InvoiceRefund"]),
        ([P.MARK_SETTLED], "Settled/Marked", ["InvoiceSettled"]),
        ([P.MARK_SETTLED, P.MARK_INVALID], "Invalid/Marked", ["InvoiceInvalid"]),
        ([P.MARK_INVALID, P.MARK_SETTLED], "Settled/Marked", ["InvoiceSettled"]),
        ([P.PAY, P.REFUND], "Settled/Refunded", ["InvoiceRefund"]),
    ],
)
def test_an_act_moves_the_invoice_and_tells_of_it(
    shop: Shop, payments: list[PretendPayment], raw_status: str, types: list[str]
) -> None:
    *before, last = payments
    id_ = after(shop, *before)
    assert shop.sandbox.till.act(id_, last).raw_status == raw_status
    assert shop.receiver.take_types() == types


def test_a_part_payment_and_the_rest_settle(shop: Shop) -> None:
    id_ = after(shop, P.UNDERPAY, P.UNDERPAY)
    paid = shop.sandbox.till.act(id_, P.PAY)
    assert (paid.raw_status, paid.paid_sats) == ("Settled", paid.amount_sats)


def test_one_sat_cannot_be_paid_in_part(shop: Shop) -> None:
    id_ = shop.sell(1)
    with pytest.raises(IllegalTransition):
        shop.sandbox.till.act(id_, P.UNDERPAY)


@pytest.mark.parametrize("payment", [P.PAY, P.UNDERPAY, P.EXPIRE, P.REFUND])
def test_an_expired_invoice_refuses_what_only_an_open_one_takes(
    shop: Shop, payment: PretendPayment
) -> None:
    id_ = shop.sell()
    shop.clock.turn(900)
    with pytest.raises(IllegalTransition):
        shop.sandbox.till.act(id_, payment)


def test_a_refused_act_changes_nothing_and_tells_nothing(shop: Shop) -> None:
    id_ = after(shop, P.PAY)
    before = shop.sandbox.till.show(id_)
    with pytest.raises(IllegalTransition):
        shop.sandbox.till.act(id_, P.PAY)
    shop.deliver()
    assert (shop.sandbox.till.show(id_), shop.receiver.letters) == (before, [])


def test_time_expires_an_invoice_at_its_last_second() -> None:
    just_before = let_time_pass(INVOICE, now=Instant(INVOICE.expires_at - 1))
    assert (just_before.invoice, just_before.webhooks) == (INVOICE, ())
    assert let_time_pass(INVOICE, now=INVOICE.expires_at).invoice.status is InvoiceState.EXPIRED


def test_looking_at_an_overdue_invoice_expires_it_and_tells_of_it_once(shop: Shop) -> None:
    id_ = shop.sell()
    shop.clock.turn(900)
    assert [shop.sandbox.till.show(id_).raw_status for _ in range(3)] == ["Expired"] * 3
    shop.deliver()
    assert shop.receiver.take_types() == ["InvoiceExpired"]


def test_a_refused_act_on_an_overdue_invoice_still_tells_of_its_expiry(shop: Shop) -> None:
    id_ = shop.sell()
    shop.clock.turn(900)
    with pytest.raises(IllegalTransition):
        shop.sandbox.till.act(id_, P.PAY)
    shop.deliver()
    assert shop.receiver.take_types() == ["InvoiceExpired"]


def test_nobody_has_to_look_for_an_invoice_to_expire(shop: Shop) -> None:
    shop.sell()
    shop.clock.turn(900)
    assert shop.deliver() == 1
    assert shop.receiver.take_types() == ["InvoiceExpired"]
