"""What holds for every route, found by walking all of them."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from keysat_core.domain.actor import Scope
from keysat_http.framework_errors import ADMIN_PREFIX
from tests.support.http import ADMIN
from tests.support.readable import BODY_METHODS, READABLE, READABLE_QUERY, filled
from tests.support.shop import Shop, running_shop

Registered = tuple[str, str, HTTPRouteHandler]

LOOKS = {"/v1/admin/self-license/refresh"}
"""What is POSTed but only looks again."""
MASTERS = {"/v1/admin/db-info", "/v1/admin/health", "/v1/admin/api-keys", "/v1/admin/web-sessions"}
"""What only the master key may read."""


@pytest.fixture(scope="module")
def open_shop() -> Iterator[Shop]:
    with running_shop() as running:
        yield running


@pytest.fixture(scope="module")
def document(open_shop: Shop) -> Any:
    return open_shop.client.get("/v1/openapi.json").json()


def registered(shop: Shop) -> list[Registered]:
    """Every route of the document as method, path in the document's spelling, and handler."""
    return [one for one in everything(shop) if one[2].include_in_schema is not False]


def everything(shop: Shop) -> list[Registered]:
    """Every route, the screens of the administration and the files of pages too."""
    found: list[Registered] = [
        (method, route.path_format, handler)
        for route in shop.app.litestar.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, *_) in route.route_handler_map.items()
        if method != "OPTIONS"
    ]
    assert len(found) > 40
    return found


def test_every_route_is_in_the_document_with_its_errors(open_shop: Shop, document: Any) -> None:
    for method, path, handler in registered(open_shop):
        operation = document["paths"][path][method.lower()]
        assert operation["operationId"], path
        declared = set(operation["responses"])
        assert {str(status) for status in handler.responses or {}} <= declared, path
        assert "503" in declared, path
        assert str(handler.status_code) in declared, path


def test_only_screens_and_files_are_not_in_the_document(
    open_shop: Shop,
) -> None:
    hidden = [one for one in everything(open_shop) if one[2].include_in_schema is False]
    assert len(hidden) > 5
    for method, path, _ in hidden:
        assert method in {"GET", "HEAD"}, path
        assert path.startswith(("/admin", "/static/")), path


def test_every_screen_but_the_sign_in_asks_who_one_is(open_shop: Shop) -> None:
    screens = {
        path
        for method, path, handler in everything(open_shop)
        if method == "GET" and path.startswith("/admin") and handler.include_in_schema is False
    }
    open_shop.client.headers.pop("authorization", None)
    for path in screens - {"/admin/login"}:
        asked = re.sub(r"{[^}]*}", "0", path)
        answer = open_shop.client.get(asked, follow_redirects=False)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/admin/login?next="), path


def test_nothing_else_is_in_the_document(open_shop: Shop, document: Any) -> None:
    known = {(method.lower(), path) for method, path, _ in registered(open_shop)}
    listed = {(method, path) for path, item in document["paths"].items() for method in item}
    assert listed == known


def test_success_is_always_200_below_v1(open_shop: Shop) -> None:
    statuses = {
        handler.status_code for _, path, handler in registered(open_shop) if path.startswith("/v1/")
    }
    assert statuses == {200}


def test_operations_have_names_of_their_own(document: Any) -> None:
    names = [op["operationId"] for item in document["paths"].values() for op in item.values()]
    assert len(set(names)) == len(names)


@pytest.mark.betters("B-07")
def test_every_admin_route_asks_for_a_credential_before_it_looks_at_the_body(
    open_shop: Shop,
) -> None:
    admin = [entry for entry in registered(open_shop) if entry[1].startswith(ADMIN_PREFIX)]
    assert len(admin) >= 29
    for method, path, _ in admin:
        for content in (b"", b"{", b"x" * 3_000_000 if method in BODY_METHODS else b""):
            for headers, status, error in (
                ({}, 401, "unauthorized"),
                ({"authorization": "Basic eDp5"}, 401, "unauthorized"),
                ({"authorization": "Bearer wrong"}, 403, "forbidden"),
            ):
                response = open_shop.client.request(
                    method, filled(path), content=content, headers=headers
                )
                assert (response.status_code, response.json()["error"]) == (status, error), path


def test_a_credential_without_the_scope_is_forbidden_everywhere() -> None:
    with running_shop(scopes=frozenset()) as shop:
        for method, path, _ in registered(shop):
            if not path.startswith(ADMIN_PREFIX):
                continue
            response = shop.client.request(
                method,
                filled(path),
                params=READABLE_QUERY,
                json=READABLE if method in BODY_METHODS else None,
                headers={"authorization": "Bearer scoped"},
            )
            assert response.status_code == 403, (method, path, response.text)
            assert response.json()["error"] == "forbidden"


def test_reading_scopes_suffice_to_read_and_not_to_write() -> None:
    reading = frozenset(scope for scope in Scope if scope.endswith(":read"))
    with running_shop(scopes=reading) as shop:
        for method, path, _ in registered(shop):
            if not path.startswith(ADMIN_PREFIX):
                continue
            response = shop.client.request(
                method,
                filled(path),
                params=READABLE_QUERY,
                json=READABLE if method in BODY_METHODS else None,
                headers={"authorization": "Bearer scoped"},
            )
            # Without a payment provider there is nothing to read from it.
            is_reading = (method == "GET" or path in LOOKS) and path not in MASTERS
            expected = {200, 404, 503} if is_reading else {403}
            assert response.status_code in expected, (method, path, response.text)


@pytest.mark.parametrize("path", ["/v1/admin/nope", "/v1/admin/products/x/nope"])
def test_an_unknown_admin_route_is_not_found(open_shop: Shop, path: str) -> None:
    assert open_shop.client.get(path, headers=ADMIN).status_code == 404


@pytest.mark.defects("D31")
@pytest.mark.betters("B-01")
def test_nothing_about_the_operator_s_own_license_is_told_to_strangers(open_shop: Shop) -> None:
    routes = [
        (method, path)
        for method, path, _ in registered(open_shop)
        if path == "/v1/admin/tier" or "self-license" in path
    ]
    assert routes
    for method, path in routes:
        answer = open_shop.client.request(method, filled(path), json=READABLE)
        assert answer.status_code == 401, path
