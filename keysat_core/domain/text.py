"""Text that people send: what may be stored, and how long it may be."""

import re
from typing import Final

from keysat_core.errors import InvariantError
from keysat_core.limits import NEW_SLUG_CHARS_MAX

_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")


def checked_text(text: str, *, field: str, chars_max: int, required: bool = False) -> str:
    """Accept text that can be stored and read back unchanged.

    Raises:
        InvariantError: too long, holds NUL or half of a surrogate pair, or is blank though required.
    """
    if len(text) > chars_max:
        raise InvariantError(field, f"must have at most {chars_max} characters")
    if "\0" in text:
        raise InvariantError(field, "must not contain NUL")
    if not is_encodable(text):
        raise InvariantError(field, "is not valid Unicode")
    if required and not text.strip():
        raise InvariantError(field, "must not be blank")
    return text


def optional_text(text: str | None, *, field: str, chars_max: int) -> str | None:
    """Like ``checked_text`` for a field where blank means absent; the result is trimmed."""
    if text is None or not text.strip():
        return None
    return checked_text(text.strip(), field=field, chars_max=chars_max)


def cut_text(text: str | None, chars_max: int, *, field: str) -> str | None:
    """Shorten descriptive text from a client instead of refusing it; blank means absent.

    Source: public-api 18, limits of ``hostname``, ``platform`` and ``reason``: truncate.

    Raises:
        InvariantError: NUL or half of a surrogate pair.
    """
    return optional_text(text[:chars_max] if text else None, field=field, chars_max=chars_max)


def checked_slug(slug: str, *, field: str = "slug") -> str:
    """Accept the slug of a new product or policy.

    Source: admin-api B-36; slugs stand unescaped in URLs of published clients.

    Raises:
        InvariantError: not ``[a-z0-9][a-z0-9_-]{0,63}``.
    """
    if len(slug) > NEW_SLUG_CHARS_MAX or not _SLUG.fullmatch(slug):
        raise InvariantError(
            field,
            "must start with a-z or 0-9 and hold only a-z, 0-9, '-' and '_' "
            f"(at most {NEW_SLUG_CHARS_MAX})",
        )
    return slug


def checked_range(value: int, *, field: str, low: int, high: int) -> int:
    """Accept a whole number within bounds, both included.

    Raises:
        InvariantError: outside.
    """
    if not low <= value <= high:
        raise InvariantError(field, f"must be between {low} and {high}")
    return value


def is_encodable(text: str) -> bool:
    """Tell whether the text is valid Unicode, without halves of surrogate pairs."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
