"""The Zaprite double takes and refuses calls as the API does, and shows its objects exactly."""

from typing import Any

import httpx
import pytest

from tests.simulators.exchange import Request
from tests.simulators.fault_plan import (
    Answer,
    Cut,
    DropField,
    FaultPlan,
    Html,
    ReplaceField,
    StaleRead,
    Timeout,
    Truncate,
)
from tests.simulators.journal import Journal
from tests.simulators.server import serving
from tests.simulators.virtual_clock import VirtualClock
from tests.simulators.zaprite.fake_zaprite import FakeZaprite
from tests.support.zaprite_caller import ZapriteCaller

DAY = 86_400


@pytest.fixture
def zaprite() -> FakeZaprite:
    return FakeZaprite(VirtualClock(), seed=7)


@pytest.fixture
def caller(zaprite: FakeZaprite) -> ZapriteCaller:
    return ZapriteCaller(zaprite)


def issues(answer: httpx.Response) -> list[str]:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (400, "BAD_REQUEST")
    assert body["message"]
    return [issue["message"] for issue in body["issues"]]


@pytest.mark.parametrize(
    "authorization", ["", "Bearer wrong", "Basic {key}", "token {key}", "{key}"]
)
def test_a_call_without_the_right_key_is_unauthorized(
    zaprite: FakeZaprite, authorization: str
) -> None:
    headers = {"authorization": authorization.format(key=zaprite.live.api_key)}
    answer = zaprite.handle(Request(method="GET", path="/v1/orders", headers=headers))
    assert answer.status == 401
    assert answer.json() == {"code": "UNAUTHORIZED", "message": "Invalid API key"}


def test_a_revoked_key_is_worthless(zaprite: FakeZaprite, caller: ZapriteCaller) -> None:
    assert caller.get("/v1/orders").status_code == 200
    zaprite.revoke_key(zaprite.live.api_key)
    assert caller.get("/v1/orders").status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/order"),
        ("DELETE", "/v1/orders"),
        ("GET", "/v1/orders/charge/more"),
        ("POST", "/v1/orders/od_x"),
        ("GET", "/"),
        ("GET", "/v2/orders"),
    ],
)
def test_an_unknown_path_is_not_found(caller: ZapriteCaller, method: str, path: str) -> None:
    answer = caller.client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


def test_a_new_order_is_shown_with_a_total_and_no_amount(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    answer = caller.post(
        "/v1/orders",
        amount=98_000,
        currency="BTC",
        externalUniqId="our-id",
        redirectUrl="https://shop.example/thanks",
        label="Keysat order our-id",
        metadata={"flow": "purchase"},
        customerData={"email": "ada@example.com"},
        aFieldOfTomorrow=1,
    )
    assert answer.status_code == 200
    order = answer.json()
    assert order.pop("id").startswith("od_")
    assert order.pop("checkoutUrl").startswith("https://pay.zaprite.com/order/od_")
    assert order == {
        "orgId": zaprite.live.id,
        "status": "PENDING",
        "totalAmount": 98_000,
        "currency": "BTC",
        "externalUniqId": "our-id",
        "createdAt": "2027-01-15T08:00:00.000Z",
        "label": "Keysat order our-id",
        "metadata": {"flow": "purchase"},
        "customerData": {"email": "ada@example.com", "name": None, "company": None},
        "customCheckoutId": None,
        "orderType": "api",
        "paymentLink": None,
        "invoice": None,
        "transactions": [],
    }


def test_optional_fields_may_be_shown_as_null_instead() -> None:
    zaprite = FakeZaprite(VirtualClock(), shows_nulls=True)
    order = ZapriteCaller(zaprite).read(ZapriteCaller(zaprite).order())
    assert [order[name] for name in ("paidAt", "expiresAt", "contact", "externalUniqId")] == [
        None
    ] * 4


@pytest.mark.parametrize(
    ("body", "issue"),
    [
        ({"amount": 0}, "amount: Number must be greater than or equal to 1"),
        ({"amount": "1000"}, "amount: Expected number, received string"),
        ({"amount": True}, "amount: Expected number, received boolean"),
        ({"amount": 10.5}, "amount: Expected integer, received float"),
        ({"amount": None}, "amount: Required"),
        ({"currency": "SAT"}, "currency: Invalid enum value, received 'SAT'"),
        ({"currency": "usd"}, "currency: Invalid enum value, received 'usd'"),
        ({"externalUniqId": 5}, "externalUniqId: Expected string, received number"),
        ({"redirectUrl": "/thanks"}, "redirectUrl: Invalid url"),
        ({"expiresAt": "tomorrow"}, "expiresAt: Invalid datetime"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt: Must be in the future"),
        ({"metadata": {"n": 5}}, "metadata.n: Expected string, received number"),
        ({"metadata": {str(n): "" for n in range(51)}}, "metadata: At most 50 pairs are allowed"),
        (
            {"metadata": {"n": "x" * 1_001}},
            "metadata.n: String must contain at most 1000 character(s)",
        ),
        ({"customerData": {"email": "nobody"}}, "customerData.email: Invalid email"),
        (
            {"allowSavePaymentProfile": "yes"},
            "allowSavePaymentProfile: Expected boolean, received string",
        ),
        (
            {"allowSavePaymentProfile": True},
            "contactId is required when allowSavePaymentProfile is true",
        ),
        ({"contactId": "nobody"}, "contactId: Contact not found"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    caller: ZapriteCaller, body: dict[str, Any], issue: str
) -> None:
    answer = caller.post("/v1/orders", **{"amount": 1_000, "currency": "USD", **body})
    assert issues(answer) == [issue]
    assert caller.get("/v1/orders", includePending="true").json()["items"] == []


def test_all_that_is_wrong_is_said_at_once(caller: ZapriteCaller) -> None:
    assert len(issues(caller.post("/v1/orders"))) == 2


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("text/plain", b"{}"), ("application/json", b"{"), ("application/json", b"[]")],
)
def test_a_body_that_is_no_json_object_is_refused(
    caller: ZapriteCaller, content_type: str, body: bytes
) -> None:
    headers = {"content-type": content_type}
    answer = caller.client.post("/v1/orders", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")


def test_an_order_answers_to_both_its_names_and_the_newest_wins(caller: ZapriteCaller) -> None:
    first = caller.order(externalUniqId="ours")
    second = caller.order(externalUniqId="ours")
    assert caller.read("ours")["id"] == second != first
    assert caller.read(first)["id"] == first


def test_another_organization_sees_nothing(zaprite: FakeZaprite, caller: ZapriteCaller) -> None:
    order = caller.order(externalUniqId="ours")
    contact = caller.contact()
    stranger = ZapriteCaller(zaprite, zaprite.sandbox.api_key)
    for path in (f"/v1/orders/{order}", "/v1/orders/ours", f"/v1/contacts/{contact}"):
        assert stranger.get(path).status_code == 404
    assert stranger.get("/v1/orders", includePending="true").json()["items"] == []
    assert issues(stranger.post("/v1/orders", amount=1, currency="USD", contactId=contact))


def test_a_list_leaves_pending_orders_out_unless_asked(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    orders = [caller.order(externalUniqId=f"number-{n}") for n in range(5)]
    zaprite.pay(orders[0])
    zaprite.pay(orders[1], "BITCOIN")
    listed = caller.get("/v1/orders").json()
    assert [order["id"] for order in listed["items"]] == [orders[1], orders[0]]
    assert listed["meta"] == {"pagesCount": 1, "itemsCount": 2}
    paged = caller.get("/v1/orders", includePending="true", limit=2, page=2).json()
    assert [order["id"] for order in paged["items"]] == [orders[2], orders[1]]
    assert paged["meta"] == {"pagesCount": 3, "itemsCount": 5}
    by_status = caller.get("/v1/orders?status[]=PAID&status[]=OVERPAID").json()
    assert [order["id"] for order in by_status["items"]] == [orders[0]]
    searched = caller.get("/v1/orders?includePending=true&search=NUMBER-3&sortOrder=asc").json()
    assert [order["id"] for order in searched["items"]] == [orders[3]]
    assert issues(caller.get("/v1/orders", limit=0, page="x"))


def test_a_contact_needs_a_legal_name(caller: ZapriteCaller) -> None:
    assert issues(caller.post("/v1/contacts", email="ada@example.com")) == ["legalName: Required"]
    assert len(issues(caller.post("/v1/contacts", legalName="", email="ada"))) == 2
    contact = caller.contact()
    read = caller.get(f"/v1/contacts/{contact}").json()
    assert (read["legalName"], read["paymentProfiles"]) == ("Ada", [])
    assert [c["id"] for c in caller.get("/v1/contacts").json()["items"]] == [contact]
    order = caller.read(caller.order(contactId=contact))
    assert order["contact"] == {"id": contact, "legalName": "Ada", "displayName": None}


def test_a_webhook_is_registered_without_a_secret_or_refused(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    answer = caller.post("/v1/webhooks", url="https://shop.example/hook")
    assert answer.status_code == 200
    assert "secret" not in answer.text
    assert list(zaprite.live.webhooks.values()) == ["https://shop.example/hook"]
    assert issues(caller.post("/v1/webhooks", url="shop.example")) == ["url: Invalid url"]
    zaprite.live.registration_refusal = 403
    refused = caller.post("/v1/webhooks", url="https://shop.example/hook")
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")


def test_faults_strike_as_planned_and_none_stays_unused(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    order = caller.order()
    faults: FaultPlan = zaprite.faults
    for action in (
        Answer(503, {"message": "later"}),
        Html(),
        Truncate(),
        DropField("status"),
        ReplaceField("status", 5),
        Timeout(),
        Cut(),
    ):
        faults.on_call("get_order", action)
    path = f"/v1/orders/{order}"
    assert caller.get(path).status_code == 503
    assert caller.get(path).headers["content-type"].startswith("text/html")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        caller.get(path).json()
    assert "status" not in caller.get(path).json()
    assert caller.get(path).json()["status"] == 5
    with pytest.raises(httpx.ReadTimeout):
        caller.get(path)
    with pytest.raises(httpx.ReadError):
        caller.get(path)
    assert caller.get(path).json()["status"] == "PENDING"
    zaprite.check()
    faults.on_call("get_contact", Timeout())
    with pytest.raises(AssertionError, match="get_contact"):
        zaprite.check()


def test_an_order_may_be_made_though_nobody_hears_of_it(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    zaprite.faults.on_call("create_order", Timeout(after_acting=True))
    with pytest.raises(httpx.ReadTimeout):
        caller.order(externalUniqId="orphan")
    assert caller.read("orphan")["status"] == "PENDING"


def test_a_stale_read_shows_what_was_before(zaprite: FakeZaprite, caller: ZapriteCaller) -> None:
    order = caller.order()
    zaprite.faults.on_call("get_order", StaleRead(30), count=None)
    zaprite.pay(order)
    assert caller.read(order)["status"] == "PENDING"
    zaprite.advance(31)
    assert caller.read(order)["status"] == "PAID"


def test_the_journal_knows_every_call_and_shows_no_key(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    caller.order()
    caller.get("/nowhere")
    assert [call.operation for call in zaprite.journal.calls()] == ["create_order", "unknown"]
    assert zaprite.live.api_key not in repr(zaprite.journal.calls())


def test_the_same_seed_draws_the_same_ids() -> None:
    def ids(seed: int) -> list[str]:
        zaprite = FakeZaprite(VirtualClock(), seed, journal=Journal(0))
        return [zaprite.live.api_key, ZapriteCaller(zaprite).order()]

    assert ids(3) == ids(3) != ids(4)


@pytest.mark.parametrize(
    ("amount", "currency", "spelled"),
    [
        (75_385, "BTC", "75385 sats"),
        (75_385, "LBTC", "75385 sats of LBTC"),
        (1_250, "EUR", "12.50 EUR"),
        (1_250, "JPY", "1250 JPY"),
    ],
)
def test_the_page_asks_for_what_the_order_says(amount: int, currency: str, spelled: str) -> None:
    zaprite = FakeZaprite(VirtualClock(), checkout_base_url=None)
    with serving(zaprite) as base_url:
        headers = {"authorization": f"Bearer {zaprite.live.api_key}"}
        body = {"amount": amount, "currency": currency}
        order = httpx.post(f"{base_url}/v1/orders", json=body, headers=headers).json()
        assert f"<p>{spelled}, " in httpx.get(order["checkoutUrl"]).text


def test_a_buyer_pays_on_the_page_and_is_sent_back() -> None:
    zaprite = FakeZaprite(VirtualClock(), checkout_base_url=None)
    with serving(zaprite) as base_url:
        headers = {"authorization": f"Bearer {zaprite.live.api_key}"}
        body = {"amount": 5, "currency": "USD", "redirectUrl": "https://shop.example/ty?a=1"}
        order = httpx.post(f"{base_url}/v1/orders", json=body, headers=headers).json()
        assert order["checkoutUrl"] == f"{base_url}/order/{order['id']}"
        page = httpx.get(order["checkoutUrl"]).text
        assert 'value="CARD"' in page
        assert "<p>0.05 USD, " in page
        paid = httpx.post(order["checkoutUrl"], data={"method": "LIGHTNING"})
        assert paid.status_code == 303
        assert paid.headers["location"] == f"https://shop.example/ty?a=1&orderId={order['id']}"
        assert "PAID" in (page := httpx.get(order["checkoutUrl"]).text)
        assert "<button" not in page
        assert httpx.post(order["checkoutUrl"]).status_code == 400
        assert httpx.get(f"{base_url}/order/od_unknown").status_code == 404
    assert zaprite.status(order["id"]) == "PAID"


def test_a_buyer_without_a_shop_to_return_to_lets_coins_confirm_on_the_page(
    zaprite: FakeZaprite, caller: ZapriteCaller
) -> None:
    contact = caller.contact()
    page = f"/order/{caller.order(contactId=contact, allowSavePaymentProfile=True)}"
    assert caller.client.post(page, data={"method": "BITCOIN"}).headers["location"] == page
    assert 'value="CONFIRM"' in caller.client.get(page).text
    caller.client.post(page, data={"method": "CONFIRM"})
    assert '<strong id="status">PAID</strong>' in caller.client.get(page).text
    assert len(caller.get(f"/v1/contacts/{contact}").json()["paymentProfiles"]) == 1
