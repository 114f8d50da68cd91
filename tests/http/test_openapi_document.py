"""The OpenAPI document is whole: every field in words, an example of every body, every bound."""

import json
from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs
import pytest

from keysat_core.domain.access import OPERATION_SCOPES, roles_with
from keysat_core.domain.actor import Scope
from keysat_core.limits import OFFSET_MAX
from keysat_http.framework_errors import ADMIN_PREFIX
from tests.support.http import ADMIN
from tests.support.shop import Shop, running_shop

JSON: Final = "application/json"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with running_shop() as running:
        yield running


@pytest.fixture(scope="module")
def document(shop: Shop) -> Any:
    return shop.client.get("/v1/openapi.json").json()


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def bodies(document: Any) -> Iterator[tuple[str, Any]]:
    """Everything that goes over the line as JSON, with where that is."""
    for _, _, operation in operations(document):
        parts = {"request": operation.get("requestBody", {})} | operation["responses"]
        for where, part in parts.items():
            if JSON in part.get("content", {}):
                yield f"{operation['operationId']} {where}", part["content"][JSON]


def test_every_field_of_every_body_is_described(document: Any) -> None:
    nameless = [
        f"{name}.{field}: describe it in keysat_http/vocabulary"
        for name, schema in document["components"]["schemas"].items()
        for field, of in schema.get("properties", {}).items()
        if not of.get("description")
    ]
    assert nameless == []


def test_every_parameter_and_every_tag_is_described(document: Any) -> None:
    nameless = [
        f"{operation['operationId']} {parameter['name']}"
        for _, _, operation in operations(document)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    nameless += [tag["name"] for tag in document["tags"] if not tag["description"]]
    assert nameless == [], "describe it in keysat_http/vocabulary/parameters.py"
    used = {tag for _, _, one in operations(document) for tag in one.get("tags", ())}
    assert used == {tag["name"] for tag in document["tags"]}


def test_every_body_has_an_example_that_fits_its_schema(document: Any) -> None:
    listed = list(bodies(document))
    assert len(listed) > 400
    assert [where for where, content in listed if "example" not in content] == []
    different = {json.dumps(content, sort_keys=True): where for where, content in listed}
    for spelled, where in different.items():
        content = json.loads(spelled)
        schema = {**content["schema"], "components": document["components"]}
        validator = jsonschema_rs.validator_for(schema, validate_formats=True)
        assert [str(error) for error in validator.iter_errors(content["example"])] == [], where


def test_an_example_of_a_request_can_be_read(shop: Shop, document: Any) -> None:
    for method, path, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {}).get(JSON)
        if content is None or not path.startswith(ADMIN_PREFIX):
            continue
        sent = "/".join("x" if part.startswith("{") else part for part in path.split("/"))
        answer = shop.client.request(method, sent, json=content["example"], headers=ADMIN)
        assert answer.json().get("code") not in {"invalid_body", "malformed_body"}, answer.text


def test_no_value_fits_two_of_a_choice(document: Any) -> None:
    """A client, or a check, that holds an answer to ``oneOf`` would refuse it."""
    for name, schema in document["components"]["schemas"].items():
        for field, of in schema.get("properties", {}).items():
            kinds = [one.get("type") for one in of.get("oneOf", [])]
            assert not {"number", "integer"} <= set(kinds), (name, field)


def test_pages_have_bounds_and_a_default(document: Any) -> None:
    found = [
        (parameter["name"], parameter["schema"])
        for _, _, operation in operations(document)
        for parameter in operation.get("parameters", ())
        if parameter["name"] in {"limit", "offset"}
    ]
    assert len(found) > 20
    for name, schema in found:
        assert schema["default"] >= schema["minimum"] == (1 if name == "limit" else 0)
        assert schema["default"] <= schema["maximum"] <= max(10_000, OFFSET_MAX)


def test_instants_addresses_and_mails_have_their_format(document: Any) -> None:
    schemas = document["components"]["schemas"]
    for name, field, format_ in (
        ("License", "issued_at", "date-time"),
        ("NewLicense", "expires_at", "date-time"),
        ("NewLicense", "buyer_email", "email"),
        ("Purchase", "poll_url", "uri"),
    ):
        of = schemas[name]["properties"][field]
        assert format_ in [one.get("format") for one in (of, *of.get("oneOf", ()))], (name, field)
    assert schemas["NewProduct"]["properties"]["slug"]["maxLength"] == 64


def test_every_changing_admin_operation_takes_a_key(document: Any) -> None:
    for method, path, operation in operations(document):
        names = [parameter["name"] for parameter in operation.get("parameters", ())]
        is_keyed = path.startswith(ADMIN_PREFIX) and method != "get"
        if is_keyed:
            assert "Idempotency-Key" in names, path
            assert "Idempotent-Replayed" in operation["responses"]["200"]["headers"]
            for code in ("idempotency_key_reused", "request_in_flight", "answer_lost"):
                assert code in operation["responses"]["409"]["description"], path
        assert ("Idempotency-Key" in names) is (is_keyed or path == "/v1/purchase"), path


def test_every_admin_operation_says_who_may_do_it(document: Any) -> None:
    for _, path, operation in operations(document):
        if not path.startswith(ADMIN_PREFIX):
            continue
        scope = OPERATION_SCOPES[operation["operationId"]]
        said = operation["description"]
        if scope is Scope.MASTER:
            assert said.endswith("Only for the master key."), path
        else:
            assert f"`{scope}`" in said, path
        assert operation["x-keysat-roles"] == list(roles_with(scope))
        assert all(role in said for role in roles_with(scope)), path


def test_b37_the_document_says_what_is_so(document: Any) -> None:
    """B-37: what earlier documents got wrong."""

    def operation(method: str, path: str) -> Any:
        return document["paths"][f"/v1/admin{path}"][method]

    def scopes(method: str, path: str) -> list[str]:
        found: list[str] = operation(method, path)["security"][0]["bearerAuth"]
        return found

    assert scopes("post", "/discount-codes") == ["discount_codes:write"]
    assert scopes("get", "/discount-codes") == ["discount_codes:read"]
    assert scopes("get", "/tier") == ["tier:read"]
    assert scopes("post", "/licenses/{license_id}/change-tier") == ["licenses:write"]
    revoke = operation("post", "/licenses/{license_id}/revoke")
    assert "again is refused" in revoke["description"]
    assert "404" in revoke["responses"]
    text = json.dumps(document)
    assert "too_many_machines" in text
    assert "machine_cap_exceeded" not in text
