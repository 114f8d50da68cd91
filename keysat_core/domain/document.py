"""JSON documents that operators attach to products, policies and licenses."""

from typing import TypeAlias

import msgspec

from keysat_core.errors import InvariantError
from keysat_core.limits import METADATA_BYTES_MAX

JSONValue: TypeAlias = object
"""What ``msgspec.json.decode`` gives without a type: dict, list, str, int, float, bool or None."""


def checked_document(value: JSONValue, *, field: str) -> JSONValue:
    """Accept a JSON value of bounded size that can be stored as it is.

    Raises:
        InvariantError: too large, or not representable as JSON.
    """
    try:
        size = len(msgspec.json.encode(value))
    except (ValueError, TypeError, RecursionError):
        raise InvariantError(field, "must be a JSON value") from None
    if size > METADATA_BYTES_MAX:
        raise InvariantError(field, f"must be at most {METADATA_BYTES_MAX} bytes of JSON")
    return value


def checked_object(value: JSONValue, *, field: str) -> dict[str, JSONValue]:
    """Like ``checked_document`` for a JSON object.

    Raises:
        InvariantError: not an object, or refused by ``checked_document``.
    """
    if not isinstance(value, dict):
        raise InvariantError(field, "must be a JSON object")
    checked_document(value, field=field)
    return value
