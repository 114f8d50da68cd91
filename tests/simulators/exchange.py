"""One HTTP exchange as plain values, and what a double of a service is: requests in, answers out.

No socket and no HTTP library is here; ``transport`` and ``server`` put a double behind either.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec

_REDACTED: Final = "***"
_SHOWN_BYTES_MAX: Final = 300
_SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "set-cookie"})
_SECRET_TEXT: Final = re.compile(
    r"""((?:"(?:apiKey|secret|token|password)"\s*:\s*")|(?:\b(?:apiKey|secret|token)=))([^"&\s]+)"""
)


class NeverAnswered(Exception):
    """The service keeps the connection open and says nothing: the caller times out."""


class ConnectionCut(Exception):
    """The service hangs up without an answer."""


class NotReachable(Exception):
    """The service takes no connection: the request never got there."""


class UnreadableBody(ValueError):
    """The body is not JSON."""


def redacted(text: str) -> str:
    """Blank the values of what is named like a secret, in JSON and in forms."""
    return _SECRET_TEXT.sub(rf"\1{_REDACTED}", text)


def _shown(headers: Mapping[str, str], body: bytes) -> str:
    kept = {name: _REDACTED if name in _SECRET_HEADERS else headers[name] for name in headers}
    text = redacted(body[: _SHOWN_BYTES_MAX * 2].decode(errors="replace"))[:_SHOWN_BYTES_MAX]
    return f"headers={kept!r}, body={text!r}"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What arrived.

    Attributes:
        method: In upper case.
        path: As sent, percent-encoded, without the query.
        query: The decoded parameters in their order; a name may come more than once.
        headers: By lower-case name.
        base_url: Scheme, host and port the caller used, without a slash at the end.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = {}
    body: bytes = b""
    base_url: str = "http://double.invalid"

    def values(self, name: str) -> list[str]:
        """List what a query parameter says, each time it comes."""
        return [value for key, value in self.query if key == name]

    def value(self, name: str, default: str = "") -> str:
        """Give the first value of a query parameter."""
        return next((value for key, value in self.query if key == name), default)

    def json(self) -> Any:
        """Decode the body.

        Raises:
            UnreadableBody: It is not JSON.
        """
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnreadableBody(str(error)) from error

    def __repr__(self) -> str:
        query = redacted("&".join(f"{name}={value}" for name, value in self.query))
        where = f"{self.base_url}{self.path}{'?' if query else ''}{query}"
        return f"Request({self.method} {where}, {_shown(self.headers, self.body)})"


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered; header names in lower case."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""

    def json(self) -> Any:
        """Decode the body, which is the double's own: anything but JSON is a mistake of the test."""
        return msgspec.json.decode(self.body)

    def __repr__(self) -> str:
        return f"Response({self.status}, {_shown(self.headers, self.body)})"


JSON_HEADERS: Final[Mapping[str, str]] = {"content-type": "application/json; charset=utf-8"}
HTML_HEADERS: Final[Mapping[str, str]] = {"content-type": "text/html; charset=utf-8"}


def json_response(status: int, value: object) -> Response:
    """Answer with a value as JSON."""
    return Response(status=status, headers=JSON_HEADERS, body=msgspec.json.encode(value))


def html_response(status: int, html: str) -> Response:
    """Answer with a page."""
    return Response(status=status, headers=HTML_HEADERS, body=html.encode())


class Service(Protocol):
    """A double of somebody's server. Callable from any number of threads."""

    def handle(self, request: Request, /) -> Response:
        """Answer one request.

        Raises:
            NeverAnswered: The caller is to time out.
            ConnectionCut: The connection is to break.
            NotReachable: The connection is to be refused.
        """
        ...
