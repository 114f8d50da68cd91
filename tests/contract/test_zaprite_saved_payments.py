"""Zaprite's webhooks and saved payment methods, as its adapter reads them from the double."""

import tracemalloc
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from keysat_adapters.zaprite.webhook import read_webhook
from keysat_core.domain.ids import InvoiceId
from keysat_core.errors import (
    NotAuthentic,
    ProviderRefused,
    ProviderUnavailable,
)
from tests.contract.payment_provider_contract import (
    order,
)
from tests.simulators.fault_plan import (
    Answer,
    ReplaceField,
)
from tests.simulators.zaprite.charge_outcome import (
    ABSENT,
    TIMEOUT_AFTER_CHARGING,
    answered,
    refused,
)
from tests.support.zaprite_bench import ZapriteBench, open_bench


@pytest.fixture
def bench() -> Iterator[ZapriteBench]:
    with open_bench() as opened:
        yield opened


# --- webhooks (payments 7.4) --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "type_", "order_id"),
    [
        (b'{"eventType":"order.change","orderId":"o1","orgId":"g"}', "order.change", "o1"),
        (b'{"event":"order.paid","data":{"id":"o1"}}', "order.paid", "o1"),
        (b'{"type":"order.change","data":{"id":"o1","status":"PAID"}}', "order.change", "o1"),
        (b'{"name":"order.expired","data":{"object":{"id":"o1"}}}', "order.expired", "o1"),
        (b'{"event":"","type":"order.x","id":"o1"}', "order.x", "o1"),
        (b'{"event":"a.b","eventType":"order.paid","id":"o1"}', "a.b", None),
        (b'{"data":{"id":"o1","object":{"id":"o2"}},"event":"order.a"}', "order.a", "o1"),
        (b'{"data":"x","orderId":"o3","id":"e1","event":"order.a"}', "order.a", "o3"),
        (b'{"event":"contact.change","id":"c1"}', "contact.change", None),
        (b'{"id":"o1"}', "", None),
        (b'{"event":"ORDER.PAID","id":"o1"}', "ORDER.PAID", "o1"),
        (b'{"event":7,"type":"order.paid","id":"\\u006f1"}', "order.paid", "o1"),
        (b'{"event":"order.%s","id":"o1"}' % (b"x" * 100), "order." + "x" * 58, "o1"),
        (b'{"event":"%s","type":"order.a","id":"o1"}' % (b"x" * 9_999), "order.a", "o1"),
        (b'{"data":%s1%s,"event":"order.a","id":"o1"}' % (b"[" * 99, b"]" * 99), "order.a", "o1"),
    ],
)
def test_every_shape_names_its_event_and_order(
    body: bytes, type_: str, order_id: str | None
) -> None:
    notice = read_webhook(body)
    assert (notice.type, notice.provider_invoice_id, notice.claim) == (type_, order_id, None)


@pytest.mark.parametrize(
    "body",
    [
        b'{"event":"order.paid"}',
        b'{"event":"order.paid","id":7}',
        b'{"event":"order.paid","id":""}',
        b'{"event":"order.paid","id":"' + b"x" * 129 + b'"}',
        b'{"event":"order.paid","id":"a\\u0000b"}',
        b"[" * 100_000,
        b'{"x":' + b"[" * 100_000,
        b'{"event":"order.paid","id":"o1"',
        b'{"event":"order.paid","id":"\xff"}',
        b'"order.paid"',
    ],
)
def test_a_webhook_without_an_order_is_refused(body: bytes) -> None:
    with pytest.raises(NotAuthentic):
        read_webhook(body)


@pytest.mark.parametrize("place", ["x", "data", "id", "event"])
def test_what_is_not_looked_at_becomes_no_value(place: str) -> None:
    """Strangers' events are read between other requests, so that none may take long."""
    brackets = b"[" + b"[]," * 600_000 + b"[]]"
    body = b'{"eventType":"order.paid","orderId":"o1","%s":%s}' % (place.encode(), brackets)
    tracemalloc.start()
    try:
        assert read_webhook(body).provider_invoice_id == "o1"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


# --- saved payment methods (payments 7.6) -------------------------------------------------------


def saved(bench: ZapriteBench, *, after: int = 0, name: str = "one") -> tuple[str, str]:
    """Sell an order whose card is saved; gives the order's id and the profile's."""
    wanted = msgspec.structs.replace(
        order(name), saves_payment_method=True, buyer_email="a@b.example"
    )
    id_ = bench.provider.create_invoice(wanted).provider_invoice_id
    bench.fake.pay(id_)
    return id_, bench.fake.attach_profile(id_, after)


def test_a_saved_card_is_found_by_the_order_that_saved_it(bench: ZapriteBench) -> None:
    id_, profile_id = saved(bench)
    saved(bench, name="two")
    found = bench.provider.find_saved_payment(id_, order().invoice_id)
    assert found is not None
    assert (found.profile_id, found.method) == (profile_id, "CARD")
    assert found.expires_at == bench.clock.now() + 3 * 365 * 86_400
    assert bench.provider.read_saved_payment(found) == found
    assert bench.provider.find_saved_payment(id_, InvoiceId("another")) is None


def test_a_card_is_read_while_its_own_contact_has_it(bench: ZapriteBench) -> None:
    id_, _ = saved(bench)
    theirs, _ = saved(bench, name="two")
    found = bench.provider.find_saved_payment(id_, order().invoice_id)
    other = bench.provider.find_saved_payment(theirs, order("two").invoice_id)
    assert found is not None
    assert other is not None
    for strange in (
        msgspec.structs.replace(found, profile_id="another"),
        msgspec.structs.replace(found, contact_id=other.contact_id),
    ):
        assert bench.provider.read_saved_payment(strange) is None
    bench.fake.live.contacts[found.contact_id].profiles.clear()
    assert bench.provider.read_saved_payment(found) is None
    assert bench.provider.read_saved_payment(other) == other


def test_a_card_that_appears_late_is_not_there_before(bench: ZapriteBench) -> None:
    id_, _ = saved(bench, after=30)
    assert bench.provider.find_saved_payment(id_, order().invoice_id) is None
    bench.clock.advance(30)
    assert bench.provider.find_saved_payment(id_, order().invoice_id) is not None


def test_an_order_of_nobody_saved_nothing(bench: ZapriteBench) -> None:
    assert bench.provider.find_saved_payment(bench.sell(), order().invoice_id) is None


def test_an_older_spelling_of_the_contact_is_read(bench: ZapriteBench) -> None:
    id_, profile_id = saved(bench)
    contact_id = bench.fake.order(id_).contact_id
    bench.fake.faults.on_call("get_order", ReplaceField("contact", None))
    assert bench.provider.find_saved_payment(id_, order().invoice_id) is None
    answer = {"id": id_, "contactId": contact_id}
    bench.fake.faults.on_call("get_order", Answer(200, answer))
    found = bench.provider.find_saved_payment(id_, order().invoice_id)
    assert found is not None
    assert found.profile_id == profile_id


@pytest.mark.parametrize(
    "profiles",
    [None, "x", ["x"], [{"id": 5}], [{"id": "p", "sourceOrder": None}], [{"id": "p"}]],
)
def test_profiles_that_cannot_be_read_are_none(bench: ZapriteBench, profiles: object) -> None:
    id_, _ = saved(bench)
    bench.fake.faults.on_call("get_contact", ReplaceField("paymentProfiles", profiles))
    assert bench.provider.find_saved_payment(id_, order().invoice_id) is None


@pytest.mark.parametrize(
    "expires_at",
    [None, 5, "soon", "2030-01-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00"],
)
def test_an_expiry_that_cannot_be_read_is_not_said(bench: ZapriteBench, expires_at: object) -> None:
    id_, profile_id = saved(bench)
    profile = {
        "id": profile_id,
        "method": 7,
        "expiresAt": expires_at,
        "sourceOrder": {"externalUniqId": order().invoice_id},
    }
    bench.fake.faults.on_call("get_contact", ReplaceField("paymentProfiles", [profile]))
    found = bench.provider.find_saved_payment(id_, order().invoice_id)
    assert found is not None
    assert (found.expires_at, found.method) == (None, None)


def test_an_answer_about_another_contact_is_not_believed(bench: ZapriteBench) -> None:
    id_, _ = saved(bench)
    bench.fake.faults.on_call("get_contact", ReplaceField("id", "another"))
    with pytest.raises(ProviderUnavailable):
        bench.provider.find_saved_payment(id_, order().invoice_id)


@pytest.mark.parametrize("status", ["PAID", "COMPLETE", "OVERPAID"])
def test_three_words_mean_that_a_card_was_charged(bench: ZapriteBench, status: str) -> None:
    _, profile_id = saved(bench)
    id_ = bench.sell(invoice_id=InvoiceId("renewal"))
    bench.fake.charging.script(answered(status))
    report = bench.provider.charge(id_, profile_id)
    assert (report.is_paid, report.raw_status) == (True, status)


@pytest.mark.parametrize(
    "status",
    [
        "PENDING", "PROCESSING", "FAILED", "DECLINED", "EXPIRED", "CANCELED", "REFUNDED", "UNDERPAID",
        "paid", "Paid", " PAID", "PAID ", "SUCCEEDED", "", None, 1, True, ["PAID"], ABSENT,
    ],
)  # fmt: skip
def test_nothing_else_means_so(bench: ZapriteBench, status: object) -> None:
    _, profile_id = saved(bench)
    id_ = bench.sell(invoice_id=InvoiceId("renewal"))
    bench.fake.charging.script(answered(status))
    assert not bench.provider.charge(id_, profile_id).is_paid


@pytest.mark.parametrize(("http_status", "problem"), [(400, "rejected"), (402, "rejected"), (404, "not_found")])  # fmt: skip
def test_a_refused_charge_is_a_refusal(bench: ZapriteBench, http_status: int, problem: str) -> None:
    _, profile_id = saved(bench)
    id_ = bench.sell(invoice_id=InvoiceId("renewal"))
    bench.fake.charging.script(refused(http_status))
    with pytest.raises(ProviderRefused) as refusal:
        bench.provider.charge(id_, profile_id)
    assert refusal.value.problem == problem


@pytest.mark.parametrize("outcome", [refused(500), TIMEOUT_AFTER_CHARGING])
def test_a_charge_whose_answer_is_lost_is_never_repeated(bench: ZapriteBench, outcome: Any) -> None:
    _, profile_id = saved(bench)
    id_ = bench.sell(invoice_id=InvoiceId("renewal"))
    bench.fake.charging.script(outcome)
    with pytest.raises(ProviderUnavailable):
        bench.provider.charge(id_, profile_id)
    assert len(bench.fake.journal.calls("charge_order")) == 1
