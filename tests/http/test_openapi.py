"""The OpenAPI document says what the routes do."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import schemathesis
from litestar.params import FromPath, FromQuery, JSONBody

from keysat_core.errors import NotFound, SlugTaken
from keysat_http import routes
from keysat_http.bodies import Flag, WholeNumber
from keysat_http.openapi import openapi_document
from tests.support.http import ADMIN, PUBLIC_URL, Server, running_server


class Product(msgspec.Struct, kw_only=True):
    slug: str
    seats: int | None = None


class CreateProduct(msgspec.Struct, kw_only=True):
    slug: str
    seats: WholeNumber = 1


@routes.post("/v1/admin/products", raises=[SlugTaken], tags=["products"])
def create_product(data: JSONBody[CreateProduct]) -> Product:
    """Create a product.

    The slug cannot be changed later.
    """
    if data.slug == "taken":
        raise SlugTaken("product", data.slug)
    return Product(slug=data.slug, seats=data.seats)


@routes.get("/v1/products/{slug:str}", raises=[NotFound], tags=["catalog"], is_inline=True)
def get_product(slug: FromPath[str], all_tiers: FromQuery[Flag] = "false") -> Product:
    """Show a product."""
    if len(slug) > 3:
        raise NotFound("product", slug)
    return Product(slug=slug)


@routes.post("/v1/maybe")
def maybe_product(data: JSONBody[CreateProduct | None] = None) -> Product:
    """Take a body or none."""
    return Product(slug=data.slug if data else "none")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(route_handlers=[create_product, get_product, maybe_product]) as running:
        yield running


@pytest.fixture(scope="module")
def document(server: Server) -> Any:
    return server.client.get("/v1/openapi.json").json()


def test_the_document_introduces_this_server(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "Keysat"
    assert document["info"]["version"] == "9.9.9"
    assert document["servers"] == [{"url": PUBLIC_URL}]
    assert document["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"


def test_components_are_called_by_their_plain_names(document: Any) -> None:
    assert {"Error", "Product", "CreateProduct", "FieldProblem"} <= set(
        document["components"]["schemas"]
    )


def test_admin_operations_ask_for_a_credential_and_public_ones_do_not(document: Any) -> None:
    admin = document["paths"]["/v1/admin/products"]["post"]
    assert admin["security"] == [{"bearerAuth": ["products:write"]}, {"sessionCookie": []}]
    schemes = document["components"]["securitySchemes"]
    cookie = schemes["sessionCookie"]
    assert (cookie["type"], cookie["in"], cookie["name"]) == ("apiKey", "cookie", "keysat_session")
    assert {"401", "403"} <= set(admin["responses"])
    public = document["paths"]["/v1/products/{slug}"]["get"]
    assert public["security"] == []
    assert "401" not in public["responses"]


def test_every_status_is_declared_with_the_envelope(document: Any) -> None:
    responses = document["paths"]["/v1/admin/products"]["post"]["responses"]
    assert set(responses) == {"200", "400", "401", "403", "409", "413", "415", "500", "503"}
    for status, response in responses.items():
        if status != "200":
            schema = response["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Error"}
    assert "slug_taken" in responses["409"]["description"]


def test_operations_are_named_and_described_by_their_handlers(document: Any) -> None:
    operation = document["paths"]["/v1/admin/products"]["post"]
    assert operation["operationId"] == "create_product"
    assert operation["summary"] == "Create a product"
    assert operation["tags"] == ["products"]


def test_a_body_is_required_unless_it_may_be_absent(document: Any) -> None:
    assert document["paths"]["/v1/admin/products"]["post"]["requestBody"]["required"] is True
    assert document["paths"]["/v1/maybe"]["post"]["requestBody"]["required"] is False


def test_the_kept_copy_is_the_same_wherever_it_is_made(server: Server) -> None:
    kept = openapi_document(server.app.litestar)
    with running_server(route_handlers=[create_product, get_product, maybe_product]) as other:
        assert openapi_document(other.app.litestar) == kept
    assert PUBLIC_URL.encode() not in kept
    assert kept.endswith(b"}\n")


def test_there_are_no_pages_and_no_catch_all_of_the_framework(server: Server) -> None:
    for path in ("/schema", "/schema/redoc", "/v1", "/v1/swagger"):
        assert server.client.get(path).json()["code"] == "no_such_route"


@pytest.mark.parametrize("path", ["/v1/products/a", "/v1/products/unknown"])
def test_declared_statuses_are_what_a_reader_gets(server: Server, document: Any, path: str) -> None:
    declared = document["paths"]["/v1/products/{slug}"]["get"]["responses"]
    for query in ("", "?all_tiers=maybe"):
        assert str(server.client.get(path + query).status_code) in declared


@pytest.mark.parametrize("path", ["/v1/admin/products", "/v1/maybe"])
@pytest.mark.parametrize(
    "body", [b'{"slug":"new"}', b'{"slug":"taken"}', b'{"slug":7}', b"[]", b"{", b""]
)
def test_declared_statuses_are_what_a_writer_gets(
    server: Server, document: Any, path: str, body: bytes
) -> None:
    declared = document["paths"][path]["post"]["responses"]
    for headers in (ADMIN, {"authorization": "Bearer x"}, {"content-type": "text/plain"}):
        response = server.client.post(path, content=body, headers=headers)
        assert str(response.status_code) in declared


def test_a_schema_reader_takes_the_document(document: Any) -> None:
    schema = schemathesis.openapi.from_dict(document)
    assert schema["/v1/admin/products"]["POST"].label == "POST /v1/admin/products"
