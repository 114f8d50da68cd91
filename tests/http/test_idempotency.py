"""The Idempotency-Key of the admin API: the same request twice, one effect, one answer."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.seal import SecretBoxSeal
from keysat_core.domain.actor import Scope
from keysat_core.domain.idempotency import KeptRequest, RequestKey
from keysat_core.domain.secret import Secret
from keysat_core.errors import RequestInFlight
from keysat_core.limits import IDEMPOTENCY_SECONDS, OPERATOR_KEY_CHARS_MAX, REQUEST_SECONDS_MAX
from keysat_http.keyed_store import KeyedStore
from keysat_http.settling import purge
from tests.simulators.fault_plan import Answer
from tests.support.http import ADMIN, START
from tests.support.operation_calls import Stock, stocked_shop
from tests.support.shop import Shop, running_shop

UNAUDITED: Final = frozenset({"start_btcpay_connect"})
"""A link is nothing yet; the consent is audited when it is given."""

REFUSED_HERE: Final = frozenset(
    {"activate_self_license", "import_issuer_key", "refresh_self_license"}
)
"""They take a license that the trust root signed, or a shop in which nothing was sold yet."""

A_KEY: Final = RequestKey(actor_hash="a", operation="o", key="k")


def keyed(key: str | None = None) -> dict[str, str]:
    return ADMIN | {"idempotency-key": key or str(uuid4())}


def issue(shop: Shop, headers: Mapping[str, str | bytes], **fields: Any) -> httpx.Response:
    body = {"product_slug": "app"} | fields
    return shop.client.post("/v1/admin/licenses", json=body, headers=headers)  # type: ignore[arg-type]


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop(scopes=frozenset(Scope)) as running:
        running.add_product()
        yield running


@pytest.fixture(scope="module")
def stock() -> Iterator[Stock]:
    with stocked_shop() as stocked:
        yield stocked


def trace(shop: Shop) -> tuple[int, int]:
    """How much was audited and told."""
    with shop.ports.store.reading() as tx:
        return len(tx.trail.list_audit(action=None, limit=500)), len(
            tx.trail.list_events(limit=500)
        )


def test_every_changing_operation_does_a_repeated_request_once(stock: Stock) -> None:
    operations = [name for name, (method, _) in stock.routes().items() if method != "GET"]
    assert len(operations) >= 40
    for operation in sorted({*operations} - REFUSED_HERE):
        # What another operation left with nothing to do is done in a shop of its own.
        if not does_it_once(stock, operation):
            with stocked_shop(document=stock.document) as fresh:
                assert does_it_once(fresh, operation), f"{operation} has nothing to do"


def does_it_once(stock: Stock, operation: str) -> bool:
    """Prove it; False when the request changed nothing to begin with."""
    shop, headers = stock.shop, keyed()
    before = trace(shop)
    first = stock.call(operation, headers=headers)
    after = trace(shop)
    if first.status_code != 200 or (after[0] == before[0] and operation not in UNAUDITED):
        return False
    again = stock.call(operation, headers=headers)
    assert (again.status_code, again.content) == (200, first.content), (operation, again.text)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    other = stock.call(operation, headers=headers, something="else")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert trace(shop) == after, operation
    return True


@pytest.mark.parametrize(("is_lost", "status"), [(False, 200), (True, 409)])
def test_a_card_is_charged_once_whatever_becomes_of_the_answer(
    stock: Stock, *, is_lost: bool, status: int
) -> None:
    seal = FailingSeal(is_broken=is_lost)
    with stocked_shop(document=stock.document, seal=seal) as shop:
        headers = keyed()
        answers = [shop.call("charge_saved_payment", headers=headers) for _ in range(3)]
        assert answers[-1].status_code == status
        assert shop.zaprite.fake.charges(shop.names["invoice_id"]) == 1


# --- what is a repeated request -----------------------------------------------------------------


def test_a_request_differs_by_its_body_its_query_and_its_path(shop: Shop) -> None:
    other = shop.add_product("other")
    (listed,) = [p for p in shop.admin("GET", "/products")["products"] if p["slug"] == "app"]
    headers = keyed()
    path = f"/v1/admin/products/{listed['id']}/active"
    body = b'{"active": false}'
    assert shop.client.patch(path, content=body, headers=headers).status_code == 200
    for changed_path, changed_body in (
        (path, b'{"active":false}'),
        (f"{path}?x=1", body),
        (f"/v1/admin/products/{other['id']}/active", body),
    ):
        answer = shop.client.patch(changed_path, content=changed_body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert shop.client.patch(path, content=body, headers=headers).status_code == 200


def test_one_key_may_be_used_by_two_operations_and_by_two_callers(shop: Shop) -> None:
    headers = keyed("one")
    assert issue(shop, headers).status_code == 200
    body = {"slug": "b", "name": "B", "price_sats": 1}
    answer = shop.client.post("/v1/admin/products", json=body, headers=headers)
    assert answer.status_code == 200
    scoped = headers | {"authorization": "Bearer scoped"}
    issue(shop, scoped)
    assert len(shop.licenses()) == 2


def test_without_a_key_every_request_is_a_new_one(shop: Shop) -> None:
    for _ in range(2):
        assert issue(shop, ADMIN).status_code == 200
    assert len(shop.licenses()) == 2


def test_a_key_is_forgotten_after_a_day(shop: Shop) -> None:
    headers = keyed()
    issue(shop, headers)
    shop.clock.turn(IDEMPOTENCY_SECONDS - 1)
    issue(shop, headers)
    assert len(shop.licenses()) == 1
    shop.clock.turn(1)
    issue(shop, headers)
    assert len(shop.licenses()) == 2


def test_a_clock_that_went_back_for_more_than_a_day_frees_a_key(shop: Shop) -> None:
    headers = keyed()
    first = issue(shop, headers).json()["license_id"]
    shop.clock.turn(1 - IDEMPOTENCY_SECONDS)
    assert issue(shop, headers).json()["license_id"] == first
    shop.clock.turn(-1)
    second = issue(shop, headers)
    assert second.status_code == 200, second.text
    assert second.json()["license_id"] != first
    assert issue(shop, headers).json() == second.json()


def test_old_answers_are_purged(shop: Shop) -> None:
    issue(shop, keyed())
    shop.clock.turn(IDEMPOTENCY_SECONDS)
    assert purge(shop.ports) == 0
    shop.clock.turn(1)
    assert purge(shop.ports) == 1


@pytest.mark.parametrize("key", ["", " ", "k" * (OPERATOR_KEY_CHARS_MAX + 1), "a\tb", "\xfc"])
def test_a_bad_key_is_refused_and_nothing_is_done(shop: Shop, key: str) -> None:
    answer = issue(shop, ADMIN | {"idempotency-key": key.encode("latin-1")})
    assert answer.status_code == 400
    assert answer.json()["detail"][0]["field"] == "Idempotency-Key"
    assert shop.licenses() == []


def test_two_keys_on_one_request_are_refused(shop: Shop) -> None:
    headers = [*ADMIN.items(), ("idempotency-key", "a"), ("idempotency-key", "b")]

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=shop.outside)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            body = {"product_slug": "app"}
            return await client.post("/v1/admin/licenses", json=body, headers=headers)

    answer = asyncio.run(send())
    assert (answer.status_code, answer.json()["detail"][0]["field"]) == (400, "Idempotency-Key")


def test_strangers_are_refused_before_their_key_is_looked_at(shop: Shop) -> None:
    for headers, status in (({}, 401), ({"authorization": "Bearer wrong"}, 403)):
        answer = issue(shop, headers | {"idempotency-key": ""})
        assert answer.status_code == status


# --- what is kept -------------------------------------------------------------------------------


def test_a_request_that_changed_nothing_may_be_corrected_under_its_key(shop: Shop) -> None:
    headers = keyed()
    assert issue(shop, headers, product_slug="nope").status_code == 404
    assert issue(shop, headers, max_machines="many").status_code == 400
    assert issue(shop, headers).status_code == 200


def test_a_dry_run_takes_no_key(shop: Shop) -> None:
    shop.add_policy("pro")
    issued = shop.issue()
    path = f"/v1/admin/licenses/{issued['license_id']}/change-tier"
    headers, body = keyed(), {"to_policy_slug": "pro"}
    dry = shop.client.post(path, json=body | {"dry_run": True}, headers=headers)
    assert (dry.status_code, dry.json()["dry_run"]) == (200, True)
    done = shop.client.post(path, json=body, headers=headers)
    assert (done.status_code, "dry_run" in done.json()) == (200, False)


def test_a_rehearsal_takes_no_key(shop: Shop) -> None:
    path = f"/v1/admin/licenses/{shop.issue()['license_id']}/suspend"
    headers, body = keyed(), {"reason": "x"}
    for _ in range(2):
        rehearsed = shop.client.post(f"{path}?dry_run=true", json=body, headers=headers)
        assert rehearsed.status_code == 200, rehearsed.text
        assert rehearsed.json()["dry_run"] is True
        assert "idempotent-replayed" not in rehearsed.headers
    assert shop.client.post(path, json=body, headers=headers).status_code == 200
    assert shop.audited("license.suspend") == 1


def test_settling_refused_while_it_is_payable_may_be_forced_under_the_same_key(shop: Shop) -> None:
    bought = shop.buy()
    path = f"/v1/admin/invoices/{bought['invoice_id']}/settle"
    headers = keyed()
    refused = shop.client.post(path, json={}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "still_payable")
    forced = shop.client.post(path, json={"force": True}, headers=headers)
    assert forced.status_code == 200
    assert shop.client.post(path, json={"force": True}, headers=headers).content == forced.content


def test_no_answer_is_stored_in_clear(shop: Shop) -> None:
    key = issue(shop, keyed()).json()["license_key"]
    with shop.ports.store.reading() as tx:
        session: Any = tx.answers
        rows = session._session.rows("SELECT * FROM idempotent_answers")
    ((*_, sealed, _),) = rows
    assert isinstance(sealed, bytes)
    assert key.encode() not in sealed
    assert key not in repr(rows)


# --- when it does not go well -------------------------------------------------------------------


class Killed(Exception):
    """The process died here."""


class FailingSeal(SecretBoxSeal):
    """The last thing an answer passes before it is kept: where a process may die, or be slow."""

    def __init__(self, *, is_broken: bool = False) -> None:
        self.is_broken = is_broken
        self.reached, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()

    def seal(self, content: bytes, *, secret: Secret, context: str) -> bytes:
        self.reached.set()
        assert self.goes_on.wait(10)
        if self.is_broken:
            raise Killed
        return super().seal(content, secret=secret, context=context)


def test_a_crash_between_effect_and_answer_causes_no_second_effect() -> None:
    seal = FailingSeal(is_broken=True)
    with running_shop(seal=seal) as shop:
        shop.add_product()
        headers = keyed()
        assert issue(shop, headers).status_code == 500
        assert len(shop.licenses()) == 1
        early = issue(shop, headers)
        assert (early.status_code, early.json()["code"]) == (409, "request_in_flight")
        assert early.headers["retry-after"] == "2"
        shop.clock.turn(REQUEST_SECONDS_MAX)
        late = issue(shop, headers)
        assert (late.status_code, late.json()["code"]) == (409, "answer_lost")
        assert "took effect" in late.json()["message"]
        assert "retry-after" not in late.headers
        assert issue(shop, headers, note="x").json()["code"] == "idempotency_key_reused"
        assert len(shop.licenses()) == 1


def test_what_is_kept_of_a_request_lets_nobody_try_guesses_at_its_body(shop: Shop) -> None:
    """A body may be a password, and its fast digest would be in every backup of a day."""
    body = {"product_slug": "app"}
    for bearer in (ADMIN["authorization"], "Bearer scoped"):
        headers = {"authorization": bearer, "idempotency-key": "same"}
        assert shop.client.post("/v1/admin/licenses", json=body, headers=headers).is_success
    with shop.ports.store.reading() as tx:
        session: Any = tx.answers
        digests = session._session.rows("SELECT request_digest FROM idempotent_answers")
    assert len({digest for (digest,) in digests}) == 2


def test_a_crash_before_the_effect_is_committed_leaves_the_key_free(shop: Shop) -> None:
    request = KeptRequest(key=A_KEY, request_digest="d", created_at=START)
    keyed_store = KeyedStore(shop.ports.store, request)
    with pytest.raises(Killed), keyed_store.writing() as tx:
        tx.settings.put_setting("operator_name", "Ada", START)
        raise Killed
    assert not keyed_store.is_kept
    with shop.ports.store.reading() as tx:
        assert tx.answers.find_request(A_KEY) is None
        assert tx.settings.find_setting("operator_name") is None


def test_a_request_is_refused_while_the_same_is_still_worked_on() -> None:
    seal = FailingSeal()
    seal.goes_on.clear()
    with running_shop(seal=seal) as shop, ThreadPoolExecutor(1) as other:
        shop.add_product()
        headers = keyed()
        first = other.submit(issue, shop, headers)
        assert seal.reached.wait(10)
        again = issue(shop, headers)
        changed = issue(shop, headers, note="x")
        seal.goes_on.set()
        assert first.result(10).status_code == 200
        assert (again.status_code, again.json()["code"]) == (409, "request_in_flight")
        assert again.headers["retry-after"] == "2"
        assert changed.json()["code"] == "idempotency_key_reused"
        assert issue(shop, headers).content == first.result().content
        assert len(shop.licenses()) == 1


def test_of_two_servers_with_one_key_only_one_does_anything() -> None:
    with SQLiteStore.open() as store:
        stores = [
            KeyedStore(store, KeptRequest(key=A_KEY, request_digest=digest, created_at=START))
            for digest in "de"
        ]
        for value, one in zip("ab", stores, strict=True):
            refused = pytest.raises(RequestInFlight) if value == "b" else nullcontext()
            with refused, one.writing() as tx:
                tx.settings.put_setting("operator_name", value, START)
        # The first goes on: its later transactions are part of the same request.
        with stores[0].writing() as tx:
            assert tx.settings.find_setting("operator_name") == "a"
        assert [one.is_kept for one in stores] == [True, False]


def test_a_fault_after_the_effect_is_not_repeated_as_if_it_told_anything(stock: Stock) -> None:
    with stocked_shop(document=stock.document) as fresh:
        for fake in (fresh.btcpay.fake, fresh.zaprite.fake):
            fake.faults.on_call("*", Answer(500, {}), count=None)
        path = f"/v1/admin/licenses/{fresh.names['license_id']}/change-tier"
        body = {"to_policy_slug": "pro", "skip_payment": False}
        headers = keyed()
        first = fresh.shop.client.post(path, json=body, headers=headers)
        assert first.status_code == 502
        again = fresh.shop.client.post(path, json=body, headers=headers)
        assert (again.status_code, again.json()["code"]) == (409, "answer_lost")
