"""Reads JSON bodies as strictly as BTCPay does: wrong types are refused, unknown fields are not."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.simulators.btcpay.problems import Refused, invalid
from tests.simulators.exchange import Request, Response, UnreadableBody

Fields = Mapping[str, Any]


def fields_of(request: Request) -> Fields:
    """Give the JSON object of a body.

    Raises:
        Refused: It is declared to be something else (415), or is no JSON object (422).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"application/json", "text/json"}:
        raise Refused(Response(status=415))
    try:
        value = request.json()
    except UnreadableBody as error:
        raise invalid("", f"Unexpected character: {error}") from error
    if not isinstance(value, dict):
        raise invalid("", "A JSON object is expected")
    return value


def text(fields: Fields, name: str, default: str = "", *, path: str = "") -> str:
    """Read text; absent, null and empty are the default."""
    value = fields.get(name)
    if value is None or value == "":
        return default
    if not isinstance(value, str):
        raise invalid(path or name, "Text is expected")
    return value


def flag(fields: Fields, name: str, *, default: bool) -> bool:
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise invalid(name, "A boolean is expected")
    return value


def mapping(fields: Fields, name: str) -> dict[str, Any]:
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(name, "An object is expected")
    return value


def texts(fields: Fields, name: str, *, path: str = "") -> list[str] | None:
    """Read an array of text, or None when there is none."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid(path or name, "An array of text is expected")
    return value


def decimal(fields: Fields, name: str, *, path: str = "") -> Decimal | None:
    """Read a number written as text or as a number; absent and null are None."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise invalid(path or name, "A number is expected")
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise invalid(path or name, "A number is expected") from error
    if not number.is_finite():
        raise invalid(path or name, "A number is expected")
    return number
