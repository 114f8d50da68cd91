"""The Python on the page for agents is defined and used, against a shop in this process."""

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from keysat_core.domain.access import Role, scopes_of
from keysat_core.ports.sandbox import PretendPayment
from tests.support.http import ADMIN
from tests.support.shop import Shop, running_shop
from tests.support.tree import ROOT


@pytest.fixture(scope="module")
def page() -> Any:
    """What the page defines, by its names."""
    text = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) >= 3
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/agents.md", "exec"), names)  # noqa: S102  our own page
    return SimpleNamespace(**names)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop(scopes=scopes_of(Role.SUPPORT)) as running:
        running.add_product()
        running.add_policy("pro", entitlements=["export"], max_machines=3)
        running.add_policy("small", max_machines=1)
        yield running


@pytest.fixture
def client(shop: Shop) -> httpx.Client:
    """A client with a key of the role that the page advises for support."""
    return httpx.Client(
        base_url="http://shop",
        headers={"authorization": "Bearer scoped"},
        transport=shop.client._transport,
    )


def test_the_recipes_do_what_they_say(page: Any, shop: Shop, client: httpx.Client) -> None:
    issued = page.issue(client, "app", "ada@example.com")
    assert issued["license_key"].startswith("LIC1-")
    (found,) = page.licenses_of(client, "Ada@Example.com")
    assert found["id"] == issued["license_id"]
    page.comp(client, found["id"], "pro", "a friend")
    assert shop.license(found["id"]).entitlements == ("export",)
    with pytest.raises(ValueError, match="lose something"):
        page.comp(client, found["id"], "small", "a mistake")
    assert shop.license(found["id"]).entitlements == ("export",)
    page.suspend(client, found["id"], "chargeback")
    assert shop.validate(issued["license_key"])["reason"] == "suspended"
    bought = shop.buy()
    assert page.payment(client, bought["invoice_id"])["status"] == "pending"


def test_a_whole_sale_and_what_comes_after_it(page: Any, shop: Shop, client: httpx.Client) -> None:
    """Set up by who may, sold by anybody, looked after by support."""
    owner = httpx.Client(base_url="http://shop", headers=ADMIN, transport=shop.client._transport)
    tiers = [("basic", "Basic", 10_000, ["open"]), ("plus", "Plus", 30_000, ["open", "save"])]
    page.set_up(owner, "editor", "Editor", 10_000, tiers=tiers)
    nobody = httpx.Client(base_url="http://shop", transport=shop.client._transport)
    opened = page.sell(nobody, "editor", "plus", "ada@example.com")
    assert opened["amount_sats"] == 30_000
    assert page.key_sold(nobody, opened["invoice_id"]) is None
    shop.act(opened, PretendPayment.PAY)
    shop.deliver()
    key = page.key_sold(nobody, opened["invoice_id"])
    assert shop.validate(key, fingerprint="lost")["entitlements"] == ["open", "save"]
    (found,) = page.licenses_of(client, "ada@example.com")
    assert page.free_seats(client, found["id"], "lost") == 1
    assert shop.validate(key, fingerprint="new")["active_machines"] == 1
    page.suspend(client, found["id"], "a question")
    assert shop.validate(key)["reason"] == "suspended"
    page.unsuspend(client, found["id"])
    assert shop.validate(key)["ok"]


def test_renewals_are_ended_and_the_license_stays(
    page: Any, shop: Shop, client: httpx.Client
) -> None:
    shop.add_policy("monthly", is_recurring=True, renewal_period_days=30, trial_days=7)
    bought = shop.buy(policy_slug="monthly")
    page.stop_renewing(client, bought["license_id"], "asked")
    (subscription,) = page.every(
        client, "/subscriptions", "subscriptions", license_id=bought["license_id"]
    )
    assert subscription["status"] == "cancelled"
    assert shop.validate(bought["license_key"])["ok"]


def test_what_is_not_allowed_or_not_there_is_said_at_once(page: Any, client: httpx.Client) -> None:
    with pytest.raises(page.Refused) as refused:
        page.ask(client, "POST", "/products", {"slug": "x", "name": "X", "price_sats": 1})
    assert (refused.value.status, refused.value.code) == (403, "forbidden")
    with pytest.raises(page.Refused) as refused:
        page.suspend(client, "nope", "x")
    assert refused.value.status == 404


def test_a_request_whose_answer_is_lost_is_sent_again_and_done_once(page: Any, shop: Shop) -> None:
    lost: list[httpx.Request] = []

    class LosesTheFirstAnswer(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = shop.client._transport.handle_request(request)
            if not lost:
                lost.append(request)
                raise httpx.ReadError("cut")
            return answer

    client = httpx.Client(base_url="http://shop", headers=ADMIN, transport=LosesTheFirstAnswer())
    issued = page.issue(client, "app", "ada@example.com")
    assert [str(one.id) for one in shop.licenses()] == [issued["license_id"]]


def test_every_page_of_a_list_is_taken(page: Any, shop: Shop, client: httpx.Client) -> None:
    issued = {shop.issue()["license_id"] for _ in range(5)}
    listed = [one["id"] for one in page.every(client, "/licenses", "licenses", size=2)]
    assert len(listed) == 5
    assert set(listed) == issued
