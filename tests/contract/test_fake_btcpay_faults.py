"""What goes wrong when it is told to, and what the contract check does not let pass."""

import httpx
import pytest

from tests.simulators.btcpay.contract import ContractBroken, contract_of
from tests.simulators.btcpay.modes import TRAITS, Mode
from tests.simulators.exchange import Response, json_response
from tests.simulators.fault_plan import (
    ANY,
    Answer,
    Cut,
    DropField,
    Html,
    ReplaceField,
    StaleRead,
    Timeout,
    Truncate,
)
from tests.support.btcpay_bench import SECRET, Bench

INVOICE = {"amount": "0.00098000", "currency": "BTC", "metadata": {"orderId": "o-1"}}


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("status", [401, 403, 404, 422, 429, 500, 503])
def test_an_operation_fails_as_often_as_planned(bench: Bench, status: int) -> None:
    bench.fake.faults.on_call("create_invoice", Answer(status=status, body={"code": "x"}), count=2)
    answers = [bench.client.post(f"{bench.root}/invoices", json=INVOICE) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert len(bench.fake.invoices()) == 1
    bench.fake.check()


@pytest.mark.parametrize(("after_acting", "made"), [(False, 0), (True, 1)])
def test_a_timeout_may_leave_an_orphan(bench: Bench, *, after_acting: bool, made: int) -> None:
    bench.fake.faults.on_call("create_invoice", Timeout(after_acting=after_acting))
    bench.fake.faults.on_call("create_invoice", Cut(after_acting=after_acting), nth=1)
    with pytest.raises(httpx.ReadTimeout):
        bench.client.post(f"{bench.root}/invoices", json=INVOICE)
    with pytest.raises(httpx.ReadError):
        bench.client.post(f"{bench.root}/invoices", json=INVOICE)
    assert len(bench.fake.invoices()) == 2 * made
    found = bench.client.get(f"{bench.root}/invoices", params={"orderId": "o-1"}).json()
    assert len(found) == 2 * made
    assert [call.answer for call in bench.fake.journal.calls("create_invoice")] == [None, None]


def test_garbage_comes_with_status_200(bench: Bench) -> None:
    invoice = bench.create()
    plan = bench.fake.faults
    for action in (
        Html(),
        Truncate(),
        DropField("id"),
        ReplaceField("amount", 0.00098),
        ReplaceField("status", "Melting"),
        ReplaceField("novelty", {"a": 1}),
    ):
        plan.on_call("get_invoice", action)
    path = f"{bench.root}/invoices/{invoice}"
    html, half, without, number, melting, novel, good = (bench.client.get(path) for _ in range(7))
    assert "text/html" in html.headers["content-type"]
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        half.json()
    assert "id" not in without.json()
    assert number.json()["amount"] == 0.00098
    assert melting.json()["status"] == "Melting"
    assert novel.json()["novelty"] == {"a": 1}
    assert good.json()["status"] == "New"
    bench.fake.check()


def test_a_stale_read_answers_from_before_the_last_change(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.pay(invoice, rail="onchain")
    bench.fake.confirm(invoice)
    bench.fake.faults.on_call("get_invoice", StaleRead(seconds=5), count=None)
    assert bench.state(invoice) == "Processing/None"
    assert invoice not in bench.fake.world.settled_answered_at
    bench.fake.advance(6)
    assert bench.state(invoice) == "Settled/None"
    assert bench.fake.world.settled_answered_at[invoice] == bench.clock.now()


def test_an_answer_nobody_could_read_was_not_seen(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.pay(invoice)
    for action in (Timeout(after_acting=True), Cut(after_acting=True)):
        bench.fake.faults.on_call("get_invoice", action)
        with pytest.raises(httpx.TransportError):
            bench.read(invoice)
    for garbage in (Html(), Truncate()):
        bench.fake.faults.on_call("get_invoice", garbage)
        bench.client.get(f"{bench.root}/invoices/{invoice}")
    assert bench.fake.world.settled_answered_at == {}
    bench.client.get(f"{bench.root}/invoices")
    assert list(bench.fake.world.settled_answered_at) == [invoice]


def test_a_rule_that_never_struck_fails_the_test(bench: Bench) -> None:
    bench.fake.faults.on_call("mark_invoice", Timeout())
    with pytest.raises(AssertionError, match="mark_invoice"):
        bench.fake.check()


def test_a_die_can_throw_the_faults(bench: Bench) -> None:
    throws = iter([None, Answer(status=500), None])
    bench.fake.faults.choose_call = lambda _: next(throws)
    statuses = [bench.client.get("/api/v1/stores").status_code for _ in range(3)]
    assert statuses == [200, 500, 200]


def test_the_journal_keeps_what_came_and_went(bench: Bench) -> None:
    invoice = bench.create()
    bench.fake.faults.on_call(ANY, Html(502))
    bench.client.get(f"{bench.root}/invoices/{invoice}")
    created, read = bench.fake.journal.calls()
    assert created.request.json()["amount"] == "0.00098000"
    assert (created.operation, read.operation) == ("create_invoice", "get_invoice")
    assert read.answer is not None
    assert (read.answer.status, read.fault) == (502, "Html(status=502)")
    key = next(iter(bench.fake.world.keys))
    assert key in created.request.headers["authorization"]
    assert key not in repr(bench.fake.journal.calls())


def test_what_is_printed_shows_no_key_and_no_secret(bench: Bench) -> None:
    webhook = bench.fake.webhook(bench.register())
    (key,) = bench.fake.world.keys.values()
    form = bench.fake.approve("https://btcpay.test/api-keys/authorize?redirect=https://a.test")
    printed = repr([webhook, key, form])
    assert not [word for word in (SECRET, key.text, form.value("apiKey")) if word in printed]


@pytest.mark.parametrize(
    ("method", "path", "body", "complaint"),
    [
        ("POST", "/invoices", {"amount": 0.00098, "currency": "BTC"}, "amount"),
        ("POST", "/invoices", {"amount": "1e-3", "currency": "BTC"}, "amount"),
        ("POST", "/invoices", {"amount": "1", "curency": "BTC"}, "curency"),
        ("POST", "/invoices", {"amount": "1", "checkout": {"redirectUrl": "x"}}, "redirectUrl"),
        ("POST", "/webhooks", {"url": "https://x.test", "events": []}, "events"),
        ("POST", "/lightning/BTC/invoices/pay", {"bolt11": "lnbc1"}, "bolt11"),
        ("GET", "/invoices?order_id=1", None, "order_id"),
        ("GET", "/invoices?status=Paid", None, "Paid"),
        ("GET", "/invoice", None, "no GET"),
        ("PATCH", "/invoices", {}, "no PATCH"),
        ("GET", "/invoices", {"a": 1}, "no body"),
    ],
)
def test_a_request_that_is_not_documented_fails_the_test(
    bench: Bench, method: str, path: str, body: object, complaint: str
) -> None:
    with pytest.raises(ContractBroken, match=complaint):
        bench.client.request(method, bench.root + path, json=body)
    with pytest.raises(ContractBroken, match=complaint):
        bench.fake.check()


@pytest.mark.parametrize("folder", ["v2.0.6", "v2.4.1"])
@pytest.mark.parametrize(
    "answer",
    [
        json_response(200, {"id": 5}),
        json_response(200, {"status": "Melting"}),
        json_response(200, {"amount": 0.1}),
        json_response(200, {"novelty": 1}),
        json_response(201, {}),
        json_response(404, {"message": 5}),
        json_response(422, {"code": "x", "message": "not an array"}),
        json_response(403, {"code": "missing-permission", "message": "which?"}),
    ],
    ids=lambda answer: f"{answer.status} {answer.body.decode()}",
)
def test_an_answer_that_is_not_documented_fails_the_test(folder: str, answer: Response) -> None:
    path = "/api/v1/stores/{storeId}/invoices/{invoiceId}"
    with pytest.raises(ContractBroken):
        contract_of(folder).check_answer("GET", path, answer)


def test_a_webhook_that_is_not_documented_fails_the_test() -> None:
    with pytest.raises(ContractBroken):
        contract_of("v2.4.1").check_webhook("InvoiceSettled", b'{"manuallyMarked": "yes"}')


def test_only_1_x_goes_unchecked() -> None:
    assert [mode for mode in Mode if not TRAITS[mode].contract] == [Mode.V1_13]


def test_the_check_can_be_switched_off() -> None:
    bench = Bench(is_contract_checked=False)
    assert bench.client.get(f"{bench.root}/nowhere").status_code == 404
    bench.fake.check()
