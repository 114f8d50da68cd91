"""Reads the bodies of Zaprite's calls and says everything that is wrong with one at a time.

Unknown fields are accepted, as the API does; wrong types are not.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from tests.simulators.exchange import Request, UnreadableBody
from tests.simulators.zaprite.refusal import Refusal, invalid

METADATA_PAIRS_MAX: Final = 50
METADATA_VALUE_LENGTH_MAX: Final = 1_000
CURRENCIES: Final = frozenset({"BTC", "LBTC", "USD", "EUR", "GBP", "CAD", "AUD", "CHF", "JPY"})
"""Some of those it takes; SAT, which is no currency there, is not among them."""


class Input:
    """One JSON object, read field by field. A field that is absent or null is None.

    Raises:
        Refusal: The body is not a JSON object, or is not declared to be JSON.
    """

    def __init__(self, request: Request) -> None:
        content_type = request.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise Refusal(400, f"Unsupported content-type {content_type!r}")
        try:
            value = request.json()
        except UnreadableBody:
            raise Refusal(400, "Failed to parse request body") from None
        if not isinstance(value, Mapping):
            raise invalid([f"Expected object, received {kind_of(value)}"])
        self._fields = value
        self.issues: list[str] = []

    def check(self) -> None:
        """Refuse the call if anything was wrong so far.

        Raises:
            Refusal: With every issue.
        """
        if self.issues:
            raise invalid(self.issues)

    def text(self, name: str, *, is_required: bool = False) -> str | None:
        """Read text; required text must not be empty."""
        value = self._typed(name, "string", lambda v: isinstance(v, str), is_required=is_required)
        if is_required and value == "":
            self.issues.append(f"{name}: String must contain at least 1 character(s)")
        return None if value is None else str(value)

    def whole_number(self, name: str, *, least: int) -> int | None:
        """Read a required whole number. JSON has one kind of number, so 5.0 is 5."""
        value = self._typed(name, "number", _is_number, is_required=True)
        if value is None:
            return None
        if value != int(value):
            self.issues.append(f"{name}: Expected integer, received float")
        elif value < least:
            self.issues.append(f"{name}: Number must be greater than or equal to {least}")
        return int(value)

    def flag(self, name: str) -> bool:
        """Read a boolean."""
        return bool(self._typed(name, "boolean", lambda v: isinstance(v, bool)))

    def url(self, name: str, *, is_required: bool = False) -> str | None:
        """Read an absolute web address."""
        value = self.text(name, is_required=is_required)
        if value and (
            urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).netloc
        ):
            self.issues.append(f"{name}: Invalid url")
        return value

    def instant(self, name: str) -> int | None:
        """Read an ISO 8601 date and time as a Unix second."""
        value = self.text(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.issues.append(f"{name}: Invalid datetime")
            return None
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())

    def texts(self, name: str) -> list[str]:
        """Read an array of texts."""
        value = self._typed(name, "array", lambda v: isinstance(v, list)) or []
        self.issues += [f"{name}: Expected string" for item in value if not isinstance(item, str)]
        return [item for item in value if isinstance(item, str)]

    def currency(self, name: str) -> str:
        """Read a required currency."""
        value = self.text(name, is_required=True) or ""
        if value and value not in CURRENCIES:
            self.issues.append(f"{name}: Invalid enum value, received {value!r}")
        return value

    def metadata(self, name: str) -> dict[str, str]:
        """Read string pairs within their limits."""
        pairs = self._typed(name, "object", lambda v: isinstance(v, Mapping)) or {}
        if len(pairs) > METADATA_PAIRS_MAX:
            self.issues.append(f"{name}: At most {METADATA_PAIRS_MAX} pairs are allowed")
        for key, value in pairs.items():
            if not isinstance(value, str):
                self.issues.append(f"{name}.{key}: Expected string, received {kind_of(value)}")
            elif len(value) > METADATA_VALUE_LENGTH_MAX:
                self.issues.append(
                    f"{name}.{key}: String must contain at most {METADATA_VALUE_LENGTH_MAX} "
                    "character(s)"
                )
        return dict(pairs)

    def customer(self, name: str) -> dict[str, str | None]:
        """Read who is to pay."""
        given = self._typed(name, "object", lambda v: isinstance(v, Mapping)) or {}
        for key in ("email", "name", "company"):
            if given.get(key) is not None and not isinstance(given[key], str):
                self.issues.append(f"{name}.{key}: Expected string")
        email = given.get("email")
        if isinstance(email, str) and not is_email(email):
            self.issues.append(f"{name}.email: Invalid email")
        return dict(given)

    def _typed(
        self, name: str, kind: str, fits: Callable[[Any], bool], *, is_required: bool = False
    ) -> Any:
        value = self._fields.get(name)
        if value is None:
            if is_required:
                self.issues.append(f"{name}: Required")
            return None
        if not fits(value):
            self.issues.append(f"{name}: Expected {kind}, received {kind_of(value)}")
            return None
        return value


def kind_of(value: object) -> str:
    """Name a JSON value's type as the API does."""
    if isinstance(value, bool):
        return "boolean"
    names: dict[type, str] = {str: "string", int: "number", float: "number", list: "array"}
    return "null" if value is None else names.get(type(value), "object")


def is_email(text: str) -> bool:
    """Tell whether a text has the form of an e-mail address."""
    user, at, domain = text.partition("@")
    return bool(user and at and "." in domain)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
