"""Credentials of the admin API, before anything else is looked at."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind
from keysat_core.domain.secret import Secret
from keysat_http import routes
from keysat_http.auth import MasterKey, public_actor
from keysat_http.client_address import Caller
from tests.support.http import ADMIN, ADMIN_KEY, Server, running_server


class Thing(msgspec.Struct, kw_only=True):
    name: str


@routes.post("/v1/admin/things", is_inline=True)
def create_thing(data: JSONBody[Thing], actor: NamedDependency[Actor]) -> dict[str, Any]:
    return {"actor": msgspec.to_builtins(actor)}


@routes.get("/v1/anyone", is_inline=True)
def show_anyone(actor: NamedDependency[Actor]) -> dict[str, Any]:
    return {"actor": msgspec.to_builtins(actor)}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(route_handlers=[create_thing, show_anyone]) as running:
        yield running


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("", 401),
        ("Basic eDp5", 401),
        (f"bearer {ADMIN_KEY}", 401),
        (f"Bearer\t{ADMIN_KEY}", 401),
        (ADMIN_KEY, 401),
        ("Bearer wrong", 403),
        (f"Bearer  {ADMIN_KEY}", 403),
        (f"Bearer {ADMIN_KEY}x", 403),
        (f"Bearer {ADMIN_KEY[:-1]}", 403),
    ],
)
def test_authentication_comes_before_the_body(
    server: Server, authorization: str | None, status: int
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    for body in (b"", b"{", b"x" * 3_000_000):
        response = server.client.post("/v1/admin/things", content=body, headers=headers)
        assert response.status_code == status
        word = {401: "unauthorized", 403: "forbidden"}[status]
        assert response.json()["error"] == response.json()["message"] == word


def test_the_master_key_is_an_actor_with_every_scope(server: Server) -> None:
    headers = {**ADMIN, "user-agent": "x" * 600}
    response = server.client.post("/v1/admin/things", content=b'{"name":"a"}', headers=headers)
    actor = response.json()["actor"]
    assert actor["kind"] == "admin_api_key"
    assert actor["hash"] == sha256(ADMIN_KEY.encode()).hexdigest()
    assert set(actor["scopes"]) == {str(scope) for scope in EVERY_SCOPE}
    assert actor["request_ip"] == "203.0.113.9"
    assert actor["user_agent"] == "x" * 512
    assert actor["request_id"] == response.headers["x-request-id"]


def test_without_a_credential_one_is_a_buyer_without_scopes(server: Server) -> None:
    actor = server.client.get("/v1/anyone", headers=ADMIN).json()["actor"]
    assert (actor["kind"], actor["scopes"], actor["hash"]) == ("buyer", [], None)


def test_a_buyer_may_prove_itself_by_a_license_key() -> None:
    caller = Caller(address=None, limiting_address=None, user_agent=None, request_id=None)
    license_key = "LIC1-X"
    actor = public_actor(caller, kind=ActorKind.BUYER_LICENSE_KEY, token=license_key)
    assert actor.hash == sha256(b"LIC1-X").hexdigest()


def test_a_master_key_may_be_any_text() -> None:
    assert MasterKey(Secret("grün")).find_credential("grün".encode()) is not None
    assert MasterKey(Secret("grün")).find_credential(b"gr\xfcn") is None
