"""The parts every double of an outside service is made of."""

import socket
import time
from threading import Event

import httpx
import pytest

from keysat_core.testing import FixedClock
from tests.simulators.call_faults import perform
from tests.simulators.exchange import (
    ConnectionCut,
    NeverAnswered,
    NotReachable,
    Request,
    Response,
    json_response,
)
from tests.simulators.fault_plan import (
    ANY,
    Answer,
    CallAction,
    Cut,
    DropDelivery,
    DropField,
    FaultPlan,
    Html,
    ReplaceField,
    Timeout,
    Truncate,
    Unreachable,
)
from tests.simulators.journal import Call, Journal
from tests.simulators.server import serving
from tests.simulators.transport import ServiceTransport
from tests.simulators.virtual_clock import VirtualClock
from tests.simulators.wall_clock import WallClock


class Echo:
    """Answers with what it understood; certain paths fail."""

    def handle(self, request: Request, /) -> Response:
        if request.path == "/hang":
            raise NeverAnswered
        if request.path == "/refuse":
            raise NotReachable
        if request.path == "/cut":
            raise ConnectionCut
        seen = {
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "body": request.body.decode(),
            "base_url": request.base_url,
            "x": request.headers.get("x-seen"),
        }
        return json_response(201, seen)


def test_timers_fire_in_the_order_of_their_time_and_see_it() -> None:
    clock = VirtualClock(1_000)
    seen: list[tuple[str, int]] = []
    clock.call_at(1_020, lambda: seen.append(("later", clock.now())))
    clock.call_at(1_010, lambda: seen.append(("sooner", clock.now())))
    clock.call_at(1_020, lambda: seen.append(("same time, made after", clock.now())))
    clock.call_at(1_031, lambda: seen.append(("too late", clock.now())))
    clock.call_at(1_005, lambda: seen.append(("canceled", clock.now()))).cancel()
    assert clock.advance(30) == 1_030
    assert seen == [("sooner", 1_010), ("later", 1_020), ("same time, made after", 1_020)]
    assert clock.next_at() == 1_031


def test_a_timer_set_by_a_timer_fires_on_the_same_way() -> None:
    clock = VirtualClock(0)
    seen: list[int] = []

    def tick() -> None:
        seen.append(clock.now())
        clock.call_at(clock.now() + 10, tick)

    clock.call_at(10, tick)
    clock.advance(35)
    assert seen == [10, 20, 30]


def test_a_virtual_clock_may_move_a_clock_that_others_read() -> None:
    shared = FixedClock(500)
    clock = VirtualClock(clock=shared)
    seen: list[int] = []
    clock.call_at(510, lambda: seen.append(shared.now()))
    shared.advance(60)
    clock.run_due()
    assert (seen, clock.now()) == ([560], 560)


def test_the_wall_clock_fires_on_a_thread_of_its_own() -> None:
    clock, fired = WallClock(), Event()
    try:
        clock.call_at(clock.now(), fired.set)
        assert fired.wait(5)
    finally:
        clock.close()


@pytest.mark.parametrize("is_served", [False, True], ids=["in process", "on a port"])
def test_a_double_sees_the_same_request_in_process_and_on_a_port(*, is_served: bool) -> None:
    with (
        serving(Echo()) as base_url,
        httpx.Client(transport=None if is_served else ServiceTransport(Echo())) as client,
    ):
        answer = client.post(
            f"{base_url}/a%2Fb/c?x=1&x=%C3%A4&y=", content=b"body", headers={"X-Seen": "yes"}
        )
        assert answer.status_code == 201
        assert answer.json() == {
            "method": "POST",
            "path": "/a%2Fb/c",
            "query": [["x", "1"], ["x", "ä"], ["y", ""]],
            "body": "body",
            "base_url": base_url,
            "x": "yes",
        }


def test_in_process_a_timeout_takes_no_time() -> None:
    with httpx.Client(transport=ServiceTransport(Echo()), base_url="http://double.test") as client:
        before = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            client.get("/hang")
        with pytest.raises(httpx.ReadError):
            client.get("/cut")
        with pytest.raises(httpx.ConnectError):
            client.get("/refuse")
        assert time.monotonic() - before < 1


def test_on_a_port_a_timeout_is_a_real_one() -> None:
    with serving(Echo()) as base_url, httpx.Client(timeout=0.2) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get(f"{base_url}/hang")
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            client.get(f"{base_url}/cut")


def test_a_port_is_free_again_after_serving() -> None:
    with serving(Echo()) as base_url:
        port = httpx.URL(base_url).port
        assert port is not None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_rules_act_in_order_and_the_unused_are_told() -> None:
    plan = FaultPlan()
    plan.on_call("create", Timeout(), nth=2, count=2)
    plan.on_call(ANY, Cut(), nth=5, count=None)
    plan.on_delivery("Settled", DropDelivery())
    assert [plan.for_call("create") for _ in range(4)] == [None, Timeout(), Timeout(), None]
    assert [plan.for_call("get") for _ in range(4)] == [None, None, Cut(), Cut()]
    assert len(plan.unused()) == 1
    assert plan.for_delivery("Settled") == DropDelivery()
    assert plan.unused() == []


def test_without_a_rule_the_chooser_is_asked() -> None:
    plan = FaultPlan(choose_call=lambda operation: Cut() if operation == "get" else None)
    plan.on_call("get", Timeout())
    assert [plan.for_call("get"), plan.for_call("get"), plan.for_call("list")] == [
        Timeout(),
        Cut(),
        None,
    ]
    plan.clear()
    assert plan.for_call("get") is None


def did() -> Response:
    return json_response(200, {"id": "one", "amount": "1"})


@pytest.mark.parametrize(
    ("action", "status", "body"),
    [
        (None, 200, b'{"id":"one","amount":"1"}'),
        (Answer(status=503, body={"code": "busy"}), 503, b'{"code":"busy"}'),
        (Answer(status=500, body=b"oops", content_type="text/plain"), 500, b"oops"),
        (Truncate(), 200, b'{"id":"one",'),
        (DropField(name="id"), 200, b'{"amount":"1"}'),
        (ReplaceField(name="amount", value=1), 200, b'{"id":"one","amount":1}'),
    ],
)
def test_an_answer_is_spoiled_as_chosen(
    action: CallAction | None, status: int, body: bytes
) -> None:
    answer = perform(action, did)
    assert (answer.status, answer.body) == (status, body)


def test_a_proxy_answers_a_page() -> None:
    answer = perform(Html(), did)
    assert answer.status == 200
    assert answer.body.startswith(b"<!doctype html>")


@pytest.mark.parametrize("after_acting", [False, True])
def test_an_unanswered_call_did_its_work_or_did_not(*, after_acting: bool) -> None:
    done: list[str] = []

    def act() -> Response:
        done.append("work")
        return did()

    with pytest.raises(NeverAnswered):
        perform(Timeout(after_acting=after_acting), act)
    with pytest.raises(ConnectionCut):
        perform(Cut(after_acting=after_acting), act)
    with pytest.raises(NotReachable):
        perform(Unreachable(), act)
    assert len(done) == (2 if after_acting else 0)


def test_printing_a_journal_shows_no_secret() -> None:
    journal = Journal()
    request = Request(
        method="POST",
        path="/x",
        query=(("apiKey", "hidden"),),
        headers={"authorization": "token hidden"},
        body=b'{"secret": "hidden", "url": "https://shop.test", "apiKey":"hidden"}',
    )
    journal.add_call(Call(at=1, operation="x", request=request, answer=did()))
    text = repr(journal.calls("x"))
    assert "hidden" not in text
    assert "https://shop.test" in text


def test_a_journal_of_no_entries_keeps_none() -> None:
    journal = Journal(entries_max=0)
    journal.add_call(
        Call(at=1, operation="x", request=Request(method="GET", path="/"), answer=None)
    )
    assert journal.calls() == []
    assert not journal.is_kept
