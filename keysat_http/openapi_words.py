"""Adds to the OpenAPI document what types cannot say: words, bounds, and an example of every body.

The words are in ``keysat_http.vocabulary``. An example is put together from those of its fields, so
a new body has one as soon as its fields are described.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from keysat_core.domain.access import GRANTABLE, roles_with
from keysat_core.domain.actor import Scope
from keysat_core.domain.self_license import UPGRADE_BASE_URL, Tier
from keysat_core.errors import TierCapReached
from keysat_core.limits import OFFSET_MAX, OPERATOR_KEY_CHARS_MAX, PAGE_MAX
from keysat_http.errors import RULES, internal_answer
from keysat_http.framework_errors import BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE
from keysat_http.idempotency import HEADER, REPLAYED_HEADER
from keysat_http.vocabulary.catalog import CATALOG
from keysat_http.vocabulary.figures import FIGURES
from keysat_http.vocabulary.licenses import LICENSES
from keysat_http.vocabulary.operating import OPERATING
from keysat_http.vocabulary.parameters import PAGES_MAX, PARAMETERS, TAGS
from keysat_http.vocabulary.sales import SALES
from keysat_http.vocabulary.server import SERVER
from keysat_http.vocabulary.term import UUID, Term
from keysat_http.web_sessions import CSRF_HEADER

Schema = dict[str, Any]

_TERMS: Final[Mapping[str, Term]] = (
    CATALOG | LICENSES | SALES | SERVER | OPERATING | FIGURES  # type: ignore[operator]
)
_REFERENCE: Final = "#/components/schemas/"
_JSON: Final = "application/json"
_PLAIN: Final[Mapping[str, object]] = {
    "string": "text",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "null": None,
}
_KINDS: Final[Mapping[str | None, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
}
_DEPTH_MAX: Final = 6
"""No body of ours is nested deeper; a schema that holds itself ends here."""

_KEY_PARAMETER: Final[Schema] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": (
        "A name of your own for this request, such as a random UUID. The same request with the same "
        "key within 24 hours does nothing more and gets the same answer; another request with it "
        "is refused with 409. What changed nothing does not use its key up."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": OPERATOR_KEY_CHARS_MAX},
    "example": UUID,
}
_CSRF_PARAMETER: Final[Schema] = {
    "name": CSRF_HEADER,
    "in": "header",
    "required": False,
    "description": (
        "Only for browsers that sign in by the cookie, and needed there: the `csrf_token` of "
        "`GET /admin/login/status`."
    ),
    "schema": {"type": "string"},
    "example": "b3f0",
}
_REPLAYED: Final[Schema] = {
    "description": "Present on the answer to a repeated request.",
    "schema": {"type": "string", "enum": ["true"]},
}
_RETRY_AFTER: Final[Schema] = {
    "description": "Seconds to wait, where waiting helps.",
    "schema": {"type": "integer", "minimum": 0},
}
_WAITABLE: Final = frozenset({"409", "429", "503"})


def add_words(document: Schema) -> None:
    """Describe every property, parameter and tag, and give every body an example."""
    schemas: Schema = document["components"]["schemas"]
    _drop_whole_numbers(schemas)
    asked = set(_asked(document, schemas))
    for name, schema in schemas.items():
        for field, of in schema.get("properties", {}).items():
            term = _TERMS.get(f"{name}.{field}") or _TERMS.get(field)
            if term is not None:
                _describe(of, term, is_asked=name in asked)
    used: set[str] = set()
    for operation in _operations(document):
        used.update(operation.get("tags", ()))
        for parameter in operation.get("parameters", ()):
            _describe_parameter(parameter, operation["operationId"])
        for content in _contents(operation):
            content["example"] = example_of(content["schema"], schemas)
        _finish_errors(operation, schemas)
    document["tags"] = [{"name": name, "description": TAGS.get(name, "")} for name in sorted(used)]


def add_access(operation: Schema, scope: Scope) -> None:
    """Say who may do it."""
    roles = roles_with(scope)
    operation["x-keysat-roles"] = list(roles)
    if roles:
        said = f"Needs the scope `{scope}`, which keys of these roles have: {', '.join(roles)}."
    elif scope in GRANTABLE:
        said = (
            f"Needs the scope `{scope}`, which a key is given beside its role, or the master key."
        )
    else:
        said = "Only for the master key."
    operation["description"] = f"{operation.get('description', '').rstrip()}\n\n{said}".lstrip()


def add_key_header(operation: Schema) -> None:
    """Say that the operation takes an Idempotency-Key, and how a repeated answer is told."""
    operation["parameters"] = [
        *operation.get("parameters", ()),
        _KEY_PARAMETER,
        _CSRF_PARAMETER,
    ]
    operation["responses"]["200"].setdefault("headers", {})[REPLAYED_HEADER] = _REPLAYED


def example_of(schema: Schema, schemas: Schema, *, at: str = "", depth: int = 0) -> Any:
    """Put together a value that fits a schema; ``at`` is ``Schema.field`` where it stands."""
    named = schema.get("$ref", "").removeprefix(_REFERENCE)
    if named:
        return example_of(schemas[named], schemas, at=at or named, depth=depth)
    if "oneOf" in schema:
        options = [one for one in schema["oneOf"] if one != {"type": "null"}]
        term = _term_at(at)
        is_null = term is not None and term.example is None and not _is_object(options[0], schemas)
        if depth >= _DEPTH_MAX or (is_null and len(options) < len(schema["oneOf"])):
            return None
        return example_of(options[0], schemas, at=at, depth=depth)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        term = _term_at(at)
        return term.example if term and term.example in schema["enum"] else schema["enum"][0]
    return _example_of_type(schema, schemas, at=at, depth=depth)


def _example_of_type(schema: Schema, schemas: Schema, *, at: str, depth: int) -> Any:
    kind, term = schema.get("type"), _term_at(at)
    if "properties" in schema:
        title = schema.get("title", at)
        return {
            field: example_of(of, schemas, at=f"{title}.{field}", depth=depth + 1)
            for field, of in schema["properties"].items()
        }
    if term is not None and _fits(term.example, kind):
        return term.example
    if kind == "array":
        items = schema.get("items") or {}
        is_deep = depth >= _DEPTH_MAX or not items
        return [] if is_deep else [example_of(items, schemas, at="", depth=depth + 1)]
    if kind == "object" or kind is None:
        return {}
    return _PLAIN[kind]


def _fits(value: object, kind: str | None) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _KINDS.get(kind, dict))


def _is_object(schema: Schema, schemas: Schema) -> bool:
    named = schema.get("$ref", "").removeprefix(_REFERENCE)
    return bool(named) and "properties" in schemas[named]


def _term_at(at: str) -> Term | None:
    return _TERMS.get(at) or _TERMS.get(at.rpartition(".")[2])


def _describe(schema: Schema, term: Term, *, is_asked: bool) -> None:
    schema.setdefault("description", term.text)
    for one in _texts(schema):
        if term.format is not None and (is_asked or term.is_kept):
            one["format"] = term.format
        if is_asked and term.chars_max is not None:
            one["maxLength"] = term.chars_max


def _texts(schema: Schema) -> Iterator[Schema]:
    """Give the parts of a schema that are plain text."""
    for one in (schema, *schema.get("oneOf", ())):
        if one.get("type") == "string" and "enum" not in one:
            yield one


def _describe_parameter(parameter: Schema, operation_id: str) -> None:
    name, schema = parameter["name"], parameter["schema"]
    term = PARAMETERS.get(name)
    if term is not None:
        # Litestar says the handler's own words where it has any.
        parameter.setdefault("description", term.text)
        # Blank is absent, which no format allows; so only an example says what it looks like.
        if term.example is not None and "$ref" not in schema and "example" not in parameter:
            parameter["example"] = term.example
    if name == "limit":
        schema |= {"minimum": 1, "maximum": PAGES_MAX.get(operation_id, PAGE_MAX)}
    if name == "offset":
        schema |= {"minimum": 0, "maximum": OFFSET_MAX}


def _operations(document: Schema) -> Iterator[Schema]:
    for item in document["paths"].values():
        yield from (one for one in item.values() if "operationId" in one)


def _contents(operation: Schema) -> Iterator[Schema]:
    """Give the JSON bodies of an operation that are not errors."""
    answer = operation["responses"].get("200", {})
    for part in (operation.get("requestBody", {}), answer):
        content = part.get("content", {}).get(_JSON)
        if content is not None and "schema" in content:
            yield content


def _drop_whole_numbers(schemas: Schema) -> None:
    """Leave one of number and integer: 20 is both, and ``oneOf`` would refuse it for that."""
    for schema in schemas.values():
        for of in schema.get("properties", {}).values():
            options = of.get("oneOf", [])
            if {"type": "number"} in options and {"type": "integer"} in options:
                options.remove({"type": "integer"})


def _asked(document: Schema, schemas: Schema) -> Iterator[str]:
    """Give the names of the schemas that requests are made of."""
    waiting = [
        content["schema"]
        for operation in _operations(document)
        for content in operation.get("requestBody", {}).get("content", {}).values()
    ]
    seen: set[str] = set()
    while waiting:
        schema = waiting.pop()
        waiting += schema.get("oneOf", [])
        waiting += [schema["items"]] if "items" in schema else []
        named = schema.get("$ref", "").removeprefix(_REFERENCE)
        if named and named not in seen:
            seen.add(named)
            waiting.append(schemas[named])
            waiting += schemas[named].get("properties", {}).values()
            yield named


def _finish_errors(operation: Schema, schemas: Schema) -> None:
    for status, answer in operation["responses"].items():
        if status < "400":
            continue
        if status in _WAITABLE:
            answer.setdefault("headers", {})["Retry-After"] = _RETRY_AFTER
        (content,) = answer["content"].values()
        named = content["schema"].get("$ref", "").removeprefix(_REFERENCE)
        if not named:
            continue
        # Litestar gives them the type of the route's good answers, and ours are JSON everywhere.
        answer["content"] = {_JSON: content}
        code = answer["description"].rpartition(": ")[2].rstrip(".").partition(", ")[0]
        content["example"] = (
            _OF_THE_SHELL.get(status) or _ERRORS.get(code)
            if named == "Error"
            else example_of(content["schema"], schemas)
        )


_ERRORS: Final[Mapping[str, Schema]] = {
    leaf.code: {
        "ok": False,
        "error": rule.error,
        "message": rule.message or f"{rule.prefix}what happened, in words",
        "code": leaf.code,
        **(
            {"upgrade_url": f"{UPGRADE_BASE_URL}?policy={Tier.PRO}"}
            if leaf is TierCapReached
            else {}
        ),
    }
    for leaf, rule in RULES.items()
}
"""By the code: what an error looks like."""
_OF_THE_SHELL: Final[Mapping[str, Schema]] = {
    str(ready.status): msgspec.to_builtins(ready.body)
    for ready in (BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, internal_answer("q1w2e3r4t5y6"))
}
"""By the status: what no use case says."""
