"""URLs that people send: where a browser may be led, and what is a page of the web."""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from keysat_core.domain.text import checked_text
from keysat_core.errors import InvariantError
from keysat_core.limits import URL_CHARS_MAX

SCHEMES_REFUSED: Final = frozenset({"javascript", "data", "vbscript", "file"})
"""Schemes a browser would run or read instead of visiting; app schemes are left alone."""

WEB_SCHEMES: Final = frozenset({"http", "https"})

_CONTROL: Final = re.compile(r"[\x00-\x20\x7f]")


def checked_redirect(url: str, *, field: str) -> str:
    """Accept where a buyer's browser may go after paying: the web, or an app by its own scheme.

    Raises:
        InvariantError: too long, not absolute, or of a scheme that runs or reads something.
    """
    parts = _parts(url, field=field)
    if not parts.scheme or (parts.scheme in WEB_SCHEMES and not parts.netloc):
        raise InvariantError(field, "must be an absolute URL")
    if parts.scheme in SCHEMES_REFUSED:
        raise InvariantError(field, f"must not use the scheme {parts.scheme}")
    return url


def checked_page(url: str, *, field: str) -> str:
    """Accept the URL of a page of the web.

    Raises:
        InvariantError: too long, or not an absolute http or https URL.
    """
    parts = _parts(url, field=field)
    if parts.scheme not in WEB_SCHEMES or not parts.netloc:
        raise InvariantError(field, "must be an absolute http or https URL")
    return url


def _parts(url: str, *, field: str) -> SplitResult:
    checked_text(url, field=field, chars_max=URL_CHARS_MAX)
    if _CONTROL.search(url):
        raise InvariantError(field, "must not contain spaces or control characters")
    try:
        return urlsplit(url)
    except ValueError:
        raise InvariantError(field, "is not a URL") from None
