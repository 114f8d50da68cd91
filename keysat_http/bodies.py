"""JSON bodies: strict reading into the struct a handler declares as ``data``.

A handler writes ``data: CreateProduct`` (or ``data: Options | None = None`` where the body may be
empty) and gets a checked value; everything else is refused here. Unknown fields are ignored, and
``null`` for a field that has a default and does not take null counts as absent.

Source: public-api 0 and 18; admin-api 0, B-07, B-10; decisions 5.
"""

import re
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, get_args

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.types import HTTPScope, Receive, ReceiveMessage
from msgspec.structs import fields as struct_fields

from keysat_core.errors import InvariantError
from keysat_core.limits import BODY_BYTES_MAX
from keysat_http.errors import Answer, FieldProblem, bad_request
from keysat_http.framework_errors import (
    BODY_TOO_LARGE,
    EMPTY_BODY,
    UNSUPPORTED_MEDIA_TYPE,
    Refused,
)
from keysat_http.limits import PROBLEM_CHARS_MAX

T = TypeVar("T")

WholeNumber: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**53) + 1, le=2**53 - 1)]
"""An integer that SQLite and every JSON reader can hold. Declare counts and amounts with it."""

Flag: TypeAlias = Literal["true", "false"]
"""A boolean of the query string; nothing else is one (admin-api 0). Compare it with "true"."""

BEARER: Final = "Bearer "

_JSON: Final = b"application/json"

_MALFORMED: Final = bad_request(
    "the body is not valid JSON",
    code="malformed_body",
    detail=[FieldProblem(field="body", problem="is not valid JSON")],
)
_JSON_TYPE: Final = re.compile(r"application/(?:json|[\w.+-]+\+json)\s*(?:;.*)?", re.IGNORECASE)
_AT: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_NAMED: Final = re.compile(r"`(?P<name>[^`]+)`$")


class JSONRequest(Request[object, object, State]):
    """A request whose ``json()`` already is the value the handler declared."""

    __slots__ = ()

    async def json(self) -> object:
        """Return the decoded body.

        Raises:
            Refused: 400, 413 or 415 with the envelope.
        """
        field = self.route_handler.parsed_data_field
        body = await self.body()
        check_content_type(
            self.headers.get("content-type"), authorization=self.headers.get("authorization")
        )
        return decode(body, object if field is None else field.annotation)


async def receive_json(scope: HTTPScope, receive: Receive, kind: type[T]) -> T:
    """Read the body of a fast route, by the same rules as that of any other.

    Raises:
        Refused: 400, 413 or 415 with the envelope.
    """
    message = await receive()
    body = message.get("body", b"") if message["type"] == "http.request" else b""
    if message["type"] != "http.request" or message.get("more_body", False):
        body = await _rest(message, receive)
    if len(body) > BODY_BYTES_MAX:
        raise Refused(BODY_TOO_LARGE)
    if not body:
        raise Refused(EMPTY_BODY)
    content_type = authorization = None
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value
        elif name == b"authorization":
            authorization = value
    # The usual spelling needs no closer look.
    if content_type != _JSON:
        check_content_type(_text(content_type), authorization=_text(authorization))
    return decode(body, kind)


async def _rest(first: ReceiveMessage, receive: Receive) -> bytes:
    """Receive what follows the first part, and give the whole."""
    message, chunks, size = first, list[bytes](), 0
    while message["type"] == "http.request":
        chunk = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise Refused(BODY_TOO_LARGE)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()
    raise Refused(_MALFORMED)


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")


def check_content_type(content_type: str | None, *, authorization: str | None) -> None:
    """Insist on JSON, except from callers with a bearer header: plain ``curl -d`` works (B-07).

    Raises:
        Refused: 415.
    """
    if authorization is not None and authorization.startswith(BEARER):
        return
    if content_type is None or _JSON_TYPE.fullmatch(content_type.strip()) is None:
        raise Refused(UNSUPPORTED_MEDIA_TYPE)


def decode(body: bytes, kind: type[T]) -> T:
    """Read one JSON value of this type, strictly.

    Raises:
        Refused: 400; its ``detail`` names the field where one is at fault.
    """
    try:
        # msgspec skips strings of unknown fields unread, so the whole is checked first.
        body.decode("utf-8")
        value: T = _read(body, kind)
    except msgspec.ValidationError as exc:
        raise Refused(_ill_typed(*_field_and_problem(exc))) from exc
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError) as exc:
        raise Refused(_MALFORMED) from exc
    return value


def _read(body: bytes, kind: Any) -> Any:
    if b"null" in body and (droppable := _fields_without_null(kind)):
        return _convert_without_nulls(body, kind, droppable)
    return _decoder(kind).decode(body)


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


@lru_cache(maxsize=256)
def _fields_without_null(kind: Any) -> frozenset[str]:
    """Return the JSON names of the fields for which null means absent (admin-api 0)."""
    structs = [
        member
        for member in (kind, *get_args(kind))
        if isinstance(member, type) and issubclass(member, msgspec.Struct)
    ]
    return frozenset(
        field.encode_name
        for struct in structs
        for field in struct_fields(struct)
        if not field.required and not _takes_null(field.type)
    )


def _takes_null(kind: Any) -> bool:
    try:
        msgspec.convert(None, kind)
    except msgspec.ValidationError:
        return False
    return True


def _convert_without_nulls(body: bytes, kind: Any, droppable: frozenset[str]) -> Any:
    value = msgspec.json.decode(body)
    if isinstance(value, dict):
        value = {
            name: item for name, item in value.items() if item is not None or name not in droppable
        }
    return msgspec.convert(value, kind)


def _ill_typed(name: str, problem: str) -> Answer:
    detail = [FieldProblem(field=name, problem=problem[:PROBLEM_CHARS_MAX])]
    return bad_request(f"{name}: {problem}"[:PROBLEM_CHARS_MAX], code="invalid_body", detail=detail)


def _field_and_problem(failure: msgspec.ValidationError) -> tuple[str, str]:
    """Take msgspec's sentence apart: ``Expected `int`, got `str` - at `$.seats` ``."""
    if isinstance(failure.__cause__, InvariantError):
        return failure.__cause__.field, failure.__cause__.problem
    text = str(failure)
    at = _AT.search(text)
    path = at["path"] if at else ""
    problem = text[: at.start()] if at else text
    if problem.startswith("Object missing required field") and (named := _NAMED.search(problem)):
        return ".".join(filter(None, [path, named["name"]])), "is required"
    return path or "body", problem
