"""Every list of the admin API comes in pages that add up to the whole. Source: admin-api B-34."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from keysat_http.framework_errors import ADMIN_PREFIX
from tests.support.shop import Shop, running_shop

ROWS: Final = 3

LISTS: Final = {
    "/v1/admin/products": "products",
    "/v1/admin/policies": "policies",
    "/v1/admin/licenses": "licenses",
    "/v1/admin/licenses/search": "licenses",
    "/v1/admin/licenses/{license_id}/tier-changes": "tier_changes",
    "/v1/admin/invoices": "invoices",
    "/v1/admin/subscriptions": "subscriptions",
    "/v1/admin/machines": "machines",
    "/v1/admin/tips": "tips",
    "/v1/admin/audit": "entries",
    "/v1/admin/discount-codes": "codes",
    "/v1/admin/webhook-endpoints": "endpoints",
    "/v1/admin/webhook-deliveries": "deliveries",
    "/v1/admin/merchant-profiles": "profiles",
    "/v1/admin/api-keys": "api_keys",
    "/v1/admin/zaprite/saved-payments": "saved_payments",
}
"""By path, what each list calls its rows."""

OTHERWISE: Final = {
    # Three currencies at most, and what a provider answers.
    "/v1/admin/rates",
    "/v1/admin/btcpay/payment-methods",
    # As many as may be open, which is few.
    "/v1/admin/web-sessions",
    # Events are followed by their sequence; sums are no rows.
    "/v1/admin/events",
    "/v1/admin/discount-codes/attribution",
}

EMPTY: Final = {"subscriptions", "tips", "saved_payments", "tier_changes", "invoices"}
"""Lists of what only sales bring, which their own tests fill."""


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with running_shop() as shop:
        for number in range(ROWS):
            shop.add_product(f"app-{number}")
            shop.add_policy(f"tier-{number}", product="app-0")
            shop.admin(
                "POST", "/webhook-endpoints", json={"url": f"https://hooks.example/{number}"}
            )
            shop.admin("POST", "/merchant-profiles", json={"name": f"Shop {number}"})
            label = {"label": f"Key {number}", "role": "read-only"}
            shop.admin("POST", "/api-keys", json=label)
            code = {"code": f"C{number}", "kind": "percent", "amount": 100}
            shop.admin("POST", "/discount-codes", json=code)
        for number in range(ROWS):
            issued = shop.issue("app-0", max_machines=5)
            shop.client.post(
                "/v1/machines/activate",
                json={"key": issued["license_key"], "fingerprint": f"f{number}"},
            )
        yield shop


def rows_of(shop: Shop, path: str, name: str, **page: int) -> tuple[list[Any], Any]:
    license_id = shop.admin("GET", "/licenses?limit=1")["licenses"][0]["id"]
    path = path.removeprefix(ADMIN_PREFIX.removesuffix("/")).format(license_id=license_id)
    query = {"product_slug": "app-0"} if path == "/policies" else {}
    answer = shop.admin("GET", path, params=query | page)
    return answer[name], answer


def test_every_admin_list_is_known_here(shop: Shop) -> None:
    document = shop.client.get("/v1/openapi.json").json()
    listed = {
        path
        for path, item in document["paths"].items()
        if path.startswith(ADMIN_PREFIX)
        and (operation := item.get("get")) is not None
        and operation["operationId"].startswith(("list_", "search_", "attribute_"))
    }
    assert listed == LISTS.keys() | OTHERWISE


@pytest.mark.parametrize(("path", "name"), LISTS.items())
def test_pages_add_up_to_the_whole(shop: Shop, path: str, name: str) -> None:
    document = shop.client.get("/v1/openapi.json").json()
    known = path.replace("{license_id}", "{license_id}")
    parameters = {one["name"] for one in document["paths"][known]["get"]["parameters"]}
    assert {"limit", "offset"} <= parameters
    whole, answer = rows_of(shop, path, name)
    total = answer["total"]
    assert len(whole) == total or len(whole) == 100
    assert total >= (0 if name in EMPTY else ROWS)
    assert answer.get("is_total_exact", True) is True
    pages = [
        row
        for offset in range(0, len(whole) + 2, 2)
        for row in rows_of(shop, path, name, limit=2, offset=offset)[0]
    ]
    assert pages[: len(whole)] == whole
    some, answer = rows_of(shop, path, name, limit=1, offset=1)
    assert some == whole[1:2]
    assert answer["total"] == total
    assert rows_of(shop, path, name, offset=100_000)[0] == []
    # What is out of bounds is brought within them.
    assert rows_of(shop, path, name, limit=0, offset=-1)[0] == whole[:1]
