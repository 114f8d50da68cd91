"""What operators may write into a merchant profile. Source: payments 4.2, admin-api 2.14, B-22, B-36.

Rows of older databases may hold anything, so the profile itself does not insist on these rules.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from keysat_core.domain.buyer import INVOICE_ID
from keysat_core.domain.document import JSONValue
from keysat_core.domain.secret import Secret
from keysat_core.domain.text import checked_range, checked_text, optional_text
from keysat_core.domain.web_address import checked_page, checked_redirect
from keysat_core.errors import InvariantError
from keysat_core.limits import (
    EMAIL_CHARS_MAX,
    HOSTNAME_CHARS_MAX,
    MAIL_PASSWORD_CHARS_MAX,
    NAME_CHARS_MAX,
    URL_CHARS_MAX,
)

PORT_MAX: Final = 65_535
"""TCP has no higher port."""

_SAMPLE_ID: Final = "00000000-0000-4000-8000-000000000000"
"""An invoice id, to look at a redirect as buyers will get it."""

_COLOR: Final = re.compile(r"#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+")
_HOST: Final = re.compile(r"[^\s/@]+")


def checked_field(field: str, value: JSONValue) -> JSONValue:
    """Accept the new value of a field and give what is stored; None and blank text clear it.

    A name is kept as it was sent, anything else is trimmed. Mail is encrypted unless told otherwise.

    Raises:
        InvariantError: the value breaks the field's rule.
    """
    match value:
        case None:
            return True if field == "smtp_use_starttls" else None
        case str():
            return _TEXTS[field](value, field)
        case Secret():
            return _password(value, field)
        case bool():
            return value
        case int():
            return checked_range(value, field=field, low=1, high=PORT_MAX)
        case _:
            raise InvariantError(field, "has the wrong type")


def _name(text: str, field: str) -> str:
    return checked_text(text, field=field, chars_max=NAME_CHARS_MAX, required=True)


def _text(text: str, field: str) -> str | None:
    return optional_text(text, field=field, chars_max=NAME_CHARS_MAX)


def _page(text: str, field: str) -> str | None:
    url = optional_text(text, field=field, chars_max=URL_CHARS_MAX)
    return None if url is None else checked_page(url, field=field)


def _redirect(text: str, field: str) -> str | None:
    template = optional_text(text, field=field, chars_max=URL_CHARS_MAX)
    if template is not None:
        checked_redirect(template.replace(INVOICE_ID, _SAMPLE_ID), field=field)
    return template


def _email(text: str, field: str) -> str | None:
    return _matching(text, field, _EMAIL, EMAIL_CHARS_MAX, "must be an e-mail address")


def _color(text: str, field: str) -> str | None:
    return _matching(text, field, _COLOR, NAME_CHARS_MAX, "must be a color such as #1a2b3c")


def _host(text: str, field: str) -> str | None:
    return _matching(text, field, _HOST, HOSTNAME_CHARS_MAX, "must be the name of a host")


def _matching(
    text: str, field: str, pattern: re.Pattern[str], chars_max: int, problem: str
) -> str | None:
    found = optional_text(text, field=field, chars_max=chars_max)
    if found is not None and not pattern.fullmatch(found):
        raise InvariantError(field, problem)
    return found


def _password(secret: Secret, field: str) -> Secret | None:
    """Spaces may belong to a password, so it is not trimmed."""
    text = checked_text(secret.reveal(), field=field, chars_max=MAIL_PASSWORD_CHARS_MAX)
    return secret if text else None


_TEXTS: Final[Mapping[str, Callable[[str, str], str | None]]] = {
    "name": _name,
    "legal_name": _text,
    "support_url": _page,
    "support_email": _email,
    "brand_color": _color,
    "post_purchase_redirect_url": _redirect,
    "smtp_host": _host,
    "smtp_username": _text,
    "smtp_from_address": _email,
    "smtp_from_name": _text,
}
