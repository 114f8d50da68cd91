"""Browsers at the admin pages: somebody with a cookie, and how they came by it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx

from tests.support.plain_passwords import PlainPasswords
from tests.support.shop import Shop, running_shop

PASSWORD: Final = "correct horse battery"  # noqa: S105
LIST: Final = "/v1/admin/products"
NEW: Final = {"slug": "new", "name": "New", "price_sats": 1}


class Browser:
    """Somebody with a cookie, which the test client must not add by itself."""

    def __init__(self, shop: Shop, answer: httpx.Response) -> None:
        self.shop = shop
        self.csrf = answer.headers["x-csrf-token"]
        self.cookie = cookie_in(answer)
        self.token = self.cookie.split("=")[1]

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"cookie": self.cookie} | request.pop("headers", {})
        response = self.shop.client.request(method, path, headers=headers, **request)
        self.shop.client.cookies.clear()
        return response

    def change(self, **headers: str) -> httpx.Response:
        return self.ask("POST", LIST, json=NEW, headers=headers)

    @property
    def is_signed_in(self) -> bool:
        return self.ask("GET", LIST).status_code == 200


def cookie_in(answer: httpx.Response) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


@contextmanager
def shop_with_password(**options: Any) -> Iterator[Shop]:
    """Run a shop whose password costs nothing to check."""
    with running_shop(passwords=PlainPasswords(), **options) as shop:
        shop.admin("POST", "/web-password", json={"password": PASSWORD})
        yield shop


def attempt(shop: Shop, password: str = PASSWORD, **headers: str) -> httpx.Response:
    return attempt_with(shop, {"password": password}, **headers)


def attempt_with(shop: Shop, body: object, **headers: str) -> httpx.Response:
    response = shop.client.post("/admin/login", json=body, headers=headers)
    shop.client.cookies.clear()
    return response


def signed_in(shop: Shop, **headers: str) -> Browser:
    response = attempt(shop, **headers)
    assert response.status_code == 204, response.text
    return Browser(shop, response)


def signed_in_with_key(shop: Shop, key: str) -> Browser:
    response = attempt_with(shop, {"api_key": key})
    assert response.status_code == 204, response.text
    return Browser(shop, response)


def audit(shop: Shop, action: str) -> list[Any]:
    with shop.ports.store.reading() as tx:
        return list(tx.trail.list_audit(action=action, limit=99))
