"""JSON bodies, at the edges."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.params import FromQuery, JSONBody
from msgspec import UNSET, UnsetType

from keysat_core.errors import InvariantError
from keysat_core.limits import BODY_BYTES_MAX
from keysat_http import routes
from keysat_http.bodies import Flag, WholeNumber, decode
from keysat_http.framework_errors import Refused
from tests.support.http import ADMIN, Server, running_server

JSON = {"content-type": "application/json"}


class Part(msgspec.Struct, kw_only=True):
    size: int


class Order(msgspec.Struct, kw_only=True):
    slug: str
    seats: WholeNumber = 3
    tags: list[str] = []
    note: str | None = None
    ends_at: str | UnsetType | None = UNSET
    part: Part | None = None

    def __post_init__(self) -> None:
        if self.slug == "taboo":
            raise InvariantError("slug", "must not be taboo")


class Echo(msgspec.Struct, kw_only=True):
    order: Order | None


@routes.post("/v1/orders", is_inline=True)
def place_order(data: JSONBody[Order], loud: FromQuery[Flag] = "false") -> Echo:
    return Echo(order=data)


@routes.post("/v1/maybe", is_inline=True)
def maybe_order(data: JSONBody[Order | None] = None) -> Echo:
    return Echo(order=data)


@routes.post("/v1/admin/orders", is_inline=True)
def place_admin_order(data: JSONBody[Order]) -> Echo:
    return Echo(order=data)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(route_handlers=[place_order, maybe_order, place_admin_order]) as running:
        yield running


def post(server: Server, content: Any, path: str = "/v1/orders", **headers: str) -> Any:
    return server.client.post(path, content=content, headers=headers or JSON)


def fields(response: Any) -> list[str]:
    return [problem["field"] for problem in response.json()["detail"]]


def test_a_good_body_arrives(server: Server) -> None:
    response = post(server, b'{"slug":"a","seats":4,"unknown":{"x":[1]}}')
    assert response.status_code == 200
    assert response.json()["order"]["seats"] == 4


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"slug":"a"} x',
        b'{"slug":"a"}{}',
        b'{"slug":"\xff"}',
        b'{"slug":"a","unknown":"\xff"}',
        b'{"slug":"\\ud800"}',
        b'{"slug":"\\udc00x"}',
        b'{"slug":"a","unknown":"\\ud800"}',
        b'{"slug":"a","seats":NaN}',
        b"\xef\xbb\xbf{}",
        b'{"slug":"a","unknown":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"slug":"a","note":null,"unknown":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    ],
    ids=range(13),
)
@pytest.mark.betters("B-07")
def test_what_is_no_json_is_refused(server: Server, body: bytes) -> None:
    response = post(server, body)
    assert response.status_code == 400
    assert response.json()["error"] == "bad_request"
    assert response.json()["code"] == "malformed_body"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b"7", "body"),
        (b"{}", "slug"),
        (b'{"slug":null}', "slug"),
        (b'{"slug":1}', "slug"),
        (b'{"slug":"a","seats":"4"}', "seats"),
        (b'{"slug":"a","seats":4.0}', "seats"),
        (b'{"slug":"a","seats":true}', "seats"),
        (b'{"slug":"a","seats":99999999999999999999}', "seats"),
        (b'{"slug":"a","seats":' + b"9" * 6000 + b"}", "seats"),
        (b'{"slug":"a","tags":["x",1]}', "tags[1]"),
        (b'{"slug":"a","part":{}}', "part.size"),
        (b'{"slug":"a","part":{"size":"1"}}', "part.size"),
        (b'{"slug":"taboo"}', "slug"),
    ],
)
def test_what_is_ill_typed_names_its_field(server: Server, body: bytes, field: str) -> None:
    response = post(server, body)
    assert response.status_code == 400
    assert response.json()["error"] == "bad_request"
    assert fields(response) == [field]


def test_null_means_the_default_and_clears_what_may_be_cleared(server: Server) -> None:
    order = post(server, b'{"slug":"a","seats":null,"tags":null,"ends_at":null}').json()["order"]
    assert order == {
        "slug": "a",
        "seats": 3,
        "tags": [],
        "note": None,
        "ends_at": None,
        "part": None,
    }
    assert "ends_at" not in post(server, b'{"slug":"a"}').json()["order"]


def test_an_optional_body_may_be_empty_but_not_broken(server: Server) -> None:
    assert server.client.post("/v1/maybe").json() == {"order": None}
    assert post(server, b"{", "/v1/maybe").status_code == 400
    assert post(server, b'{"slug":"a"}', "/v1/maybe").json()["order"]["slug"] == "a"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/vnd.shop+json",
    ],
)
def test_json_types_are_read(server: Server, content_type: str) -> None:
    sent = post(server, b'{"slug":"a"}', **{"content-type": content_type})
    assert sent.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/jsonp"},
        {"content-type": "text/plain", "authorization": "Basic eDp5"},
    ],
)
def test_other_types_are_refused(server: Server, headers: dict[str, str]) -> None:
    response = server.client.post("/v1/orders", content=b'{"slug":"a"}', headers=headers)
    assert response.status_code == 415
    assert response.json()["error"] == "bad_request"


@pytest.mark.betters("B-07")
def test_a_bearer_may_send_json_as_curl_does(server: Server) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    response = post(server, b'{"slug":"a"}', "/v1/admin/orders", **ADMIN, **form)
    assert response.status_code == 200


def test_a_body_of_two_mebibytes_is_the_largest(server: Server) -> None:
    head, tail = b'{"slug":"', b'"}'
    filling = b"x" * (BODY_BYTES_MAX - len(head) - len(tail))
    assert post(server, head + filling + tail).status_code == 200
    response = post(server, head + filling + b"x" + tail)
    assert response.status_code == 413
    assert response.json()["error"] == "bad_request"


def test_a_stream_without_a_length_is_cut_off_too(server: Server) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(BODY_BYTES_MAX // 65_536 + 2):
            yield b"x" * 65_536

    assert post(server, chunks()).status_code == 413


def test_a_query_flag_is_true_or_false(server: Server) -> None:
    assert post(server, b'{"slug":"a"}', "/v1/orders?loud=true").status_code == 200
    response = post(server, b'{"slug":"a"}', "/v1/orders?loud=1")
    assert (response.status_code, fields(response)) == (400, ["loud"])
    assert "loud=1" not in response.text


def read(body: bytes) -> Order | int:
    try:
        return decode(body, Order)
    except Refused as refused:
        return refused.ready.status


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert read(body) == 400 or isinstance(read(body), Order)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["slug", "seats", "tags", "note", "part", "other"]), json_values
    )
)
def test_any_object_is_read_or_refused(value: dict[str, object]) -> None:
    order = read(msgspec.json.encode(value))
    assert order == 400 or getattr(order, "slug", None) == value["slug"]
