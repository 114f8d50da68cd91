"""``GET /metrics``: for the operator alone, and what it counts."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from keysat_core.domain.actor import Scope
from keysat_core.domain.instant import Instant
from keysat_core.domain.tallies import ShopTallies
from keysat_http.leasing import Attempt, Outcome, Work
from keysat_http.limits import METRICS_CONNECTIONS_MAX
from keysat_http.meters import Meters, Readings, TickMeter
from keysat_http.metrics import MetricsPage
from tests.support.http import ADMIN, START
from tests.support.shop import Shop, running_shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as running:
        yield running


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(shop: Shop) -> dict[tuple[str, ...], float]:
    answer = shop.client.get("/metrics", headers=ADMIN)
    assert answer.status_code == 200
    return samples(answer.text)


def page(meters: Meters, readings: Readings | None = None) -> dict[tuple[str, ...], float]:
    return samples(MetricsPage(meters, lambda: readings or Readings()).text().decode())


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 401), ({"authorization": "Bearer guessed"}, 403)]
)
def test_strangers_learn_nothing(shop: Shop, headers: dict[str, str], status: int) -> None:
    answer = shop.client.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert "keysat_" not in answer.text


@pytest.mark.parametrize(
    ("scopes", "status"),
    [({Scope.METRICS_READ}, 200), (set(Scope) - {Scope.METRICS_READ}, 403)],
)
def test_a_scoped_key_needs_the_scope(scopes: set[Scope], status: int) -> None:
    with running_shop(scopes=frozenset(scopes)) as shop:
        answer = shop.client.get("/metrics", headers={"authorization": "Bearer scoped"})
    assert answer.status_code == status


def test_the_answer_is_prometheus_text_that_no_cache_keeps(shop: Shop) -> None:
    answer = shop.client.get("/metrics", headers=ADMIN)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"


def test_requests_are_counted_by_route_and_kind_of_answer(shop: Shop) -> None:
    shop.add_product()
    for slug in ("app", "app", "nothing-of-the-kind"):
        shop.client.get(f"/v1/products/{slug}")
    found = scrape(shop)
    name, route = "keysat_http_request_seconds_count", "/v1/products/{slug}"
    assert found[name, "GET", route, "2xx"] == 2
    assert found[name, "GET", route, "4xx"] == 1
    assert found["keysat_http_request_seconds_sum", "GET", route, "2xx"] > 0


def test_what_strangers_make_up_becomes_no_label(shop: Shop) -> None:
    shop.client.get("/wp-login.php")
    shop.client.request("BREW", "/coffee")
    text = shop.client.get("/metrics", headers=ADMIN).text
    found = samples(text)
    assert found["keysat_http_request_seconds_count", "GET", "none", "4xx"] == 1
    assert found["keysat_http_request_seconds_count", "other", "none", "4xx"] == 1
    assert "wp-login" not in text
    assert "BREW" not in text


def test_an_id_that_is_a_secret_becomes_no_label(shop: Shop) -> None:
    shop.add_product()
    bought = shop.buy()
    shop.poll(bought["invoice_id"])
    assert bought["invoice_id"] not in shop.client.get("/metrics", headers=ADMIN).text


def test_validations_are_counted_by_result_and_not_as_requests(shop: Shop) -> None:
    shop.add_product()
    key = shop.issue()["license_key"]
    shop.validate(key)
    shop.validate(key)
    shop.validate("LIC1-A-B")
    found = scrape(shop)
    assert found["keysat_validations_total", "ok"] == 2
    assert found["keysat_validations_total", "bad_format"] == 1
    assert not [kind for kind in found if "/v1/validate" in kind]


def test_a_denied_validation_is_counted(shop: Shop) -> None:
    for _ in range(70):
        shop.client.post("/v1/validate", json={"key": "LIC1-A-B"})
    assert scrape(shop)["keysat_validations_total", "rate_limited"] > 0


def test_a_bad_request_to_validate_is_a_request(shop: Shop) -> None:
    answer: httpx.Response = shop.client.post("/v1/validate", json={})
    assert answer.status_code == 400
    found = scrape(shop)
    assert found["keysat_http_request_seconds_count", "POST", "/v1/validate", "4xx"] == 1


def test_every_tick_is_there_from_the_start(shop: Shop) -> None:
    found = scrape(shop)
    assert found["keysat_tick_runs_total", "rate_limits"] == 0
    assert found["keysat_tick_last_success_timestamp_seconds", "rate_limits"] == 0


def test_a_tick_shows_what_it_did() -> None:
    meter = TickMeter()
    attempts: list[dict[str, Any]] = [
        {"outcome": Outcome.DONE, "work": Work(items=4, failed=1)},
        {"outcome": Outcome.IDLE},
        {"outcome": Outcome.HELD},
        {"outcome": Outcome.NOT_DUE, "finished_at": Instant(START + 9)},
    ]
    for seconds, fields in enumerate(attempts, start=1):
        meter.note(Attempt(**fields), float(seconds), START)
    meter.note_failure(7.0, START)
    found = page(Meters(ticks={"job": meter}))
    assert {
        name: value for (name, *_), value in found.items() if name.startswith("keysat_tick")
    } == {
        "keysat_tick_runs_total": 2,
        "keysat_tick_idle_runs_total": 1,
        "keysat_tick_failures_total": 1,
        "keysat_tick_skipped_total": 2,
        "keysat_tick_items_total": 4,
        "keysat_tick_items_failed_total": 1,
        "keysat_tick_seconds_total": 10,
        "keysat_tick_last_seconds": 7,
        "keysat_tick_max_seconds": 7,
        "keysat_tick_last_success_timestamp_seconds": START + 9,
    }


def test_what_adapters_count_is_read_when_asked() -> None:
    readings = Readings(validations_queued=3, validations_dropped=2, store_busy=1)
    found = page(Meters(), readings)
    assert found["keysat_validation_log_queued",] == 3
    assert found["keysat_validation_log_dropped_total",] == 2
    assert found["keysat_store_busy_total",] == 1


def test_rows_and_files_are_shown_once_they_are_counted() -> None:
    assert ("keysat_invoices", "settled") not in page(Meters())
    tallies = ShopTallies(
        invoices={"settled": 4, "pending": 1},
        licenses={"active": 5},
        subscriptions={"lapsed": 2},
        deliveries={"delivered": 7, "queued": 1},
        receipts_waiting=3,
        events=9,
        api_keys=2,
        sessions=1,
    )
    found = page(Meters(), Readings(tallies=tallies, file_bytes={"main": 4_096, "wal": 512}))
    assert found["keysat_invoices", "settled"] == 4
    assert found["keysat_licenses", "active"] == 5
    assert found["keysat_subscriptions", "lapsed"] == 2
    assert found["keysat_deliveries", "queued"] == 1
    assert found["keysat_receipts_waiting",] == 3
    assert found["keysat_events_total",] == 9
    assert found["keysat_api_keys",] == 2
    assert found["keysat_sessions",] == 1
    assert found["keysat_database_bytes", "wal"] == 512


def test_an_address_of_their_own_serves_metrics_to_who_reaches_it_and_nothing_else(
    shop: Shop,
) -> None:
    with shop.app.metrics.listening("127.0.0.1", 0) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics")
        assert answer.status_code == 200
        assert "keysat_tick_runs_total" in answer.text
        other = httpx.get(f"http://127.0.0.1:{port}/v1/admin/licenses", headers=ADMIN)
        assert "licenses" not in other.text.replace("keysat_licenses", "")
        assert other.status_code == 404
        assert httpx.post(f"http://127.0.0.1:{port}/metrics").status_code == 405
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


def closed(connections: list[socket.socket], *, at_least: int) -> list[socket.socket]:
    """Wait until so many of them were closed by the other side."""
    poll, found = select.poll(), {one.fileno(): one for one in connections}
    for one in connections:
        poll.register(one, select.POLLIN)
    ended: list[socket.socket] = []
    while len(ended) < at_least:
        ready = poll.poll(5_000)
        assert ready, f"only {len(ended)} were closed"
        for number, _ in ready:
            assert found[number].recv(1) == b""
            poll.unregister(number)
            ended.append(found[number])
    return ended


def test_connections_that_say_nothing_take_few_threads_and_not_for_long() -> None:
    page = MetricsPage(Meters(), Readings)
    before = threading.active_count()
    with ExitStack() as stack:
        port = stack.enter_context(page.listening("127.0.0.1", 0, idle_seconds=0.3))
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(40)
        ]
        closed(silent, at_least=40 - METRICS_CONNECTIONS_MAX)
        assert threading.active_count() <= before + 1 + METRICS_CONNECTIONS_MAX
    with ExitStack() as stack:
        port = stack.enter_context(page.listening("127.0.0.1", 0, idle_seconds=0.05))
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(4)
        ]
        closed(silent, at_least=4)
        assert httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == 200
