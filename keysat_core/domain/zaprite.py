"""Connecting Zaprite: what an operator enters, and where its events are to be sent.

Source: payments 7.4 and 7.5, admin-api 2.16.
"""

from typing import Final
from urllib.parse import urlsplit

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.secret import Secret
from keysat_core.errors import InvariantError
from keysat_core.limits import PROVIDER_KEY_CHARS_MAX, URL_CHARS_MAX

BASE_URL_DEFAULT: Final = "https://api.zaprite.com"
WEBHOOK_PATH: Final = "/v1/zaprite/webhook"

WEBHOOK_EXPLAINER: Final = (
    "Zaprite tells this address when an order changes. In Zaprite's dashboard, under Settings, API, "
    "add it as a webhook for order events unless Keysat could register it by itself. Its events are "
    "not signed, so Keysat believes none of them: each only makes it ask Zaprite how the order "
    "stands. Without the webhook payments are noticed too, within about a minute."
)


def webhook_url(public_url: str, account_id: ProviderAccountId | None) -> str:
    """Give where events of an account are to be sent; without one, the address for any."""
    base = public_url.rstrip("/") + WEBHOOK_PATH
    return base if account_id is None else f"{base}/{account_id}"


def checked_key(text: str) -> Secret:
    """Read an API key. It stands in a header, so it can hold only what a header can.

    Raises:
        InvariantError: it is blank or cannot be a key; it is not quoted.
    """
    key = text.strip()
    if not key:
        raise InvariantError("api_key", "must not be blank")
    is_token = key.isascii() and key.isprintable() and " " not in key
    if not is_token or len(key) > PROVIDER_KEY_CHARS_MAX:
        raise InvariantError("api_key", "is no API key; copy it whole from Zaprite's dashboard")
    return Secret(key)


def checked_base_url(text: str | None) -> str:
    """Read where Zaprite's API is.

    Raises:
        InvariantError: it is no http(s) address.
    """
    base = (text or "").strip().rstrip("/") or BASE_URL_DEFAULT
    problem = f"must be an http(s) address such as {BASE_URL_DEFAULT}"
    if len(base) > URL_CHARS_MAX or not base.isascii() or not base.isprintable() or " " in base:
        raise InvariantError("base_url", problem)
    try:
        parts = urlsplit(base)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise InvariantError("base_url", problem) from None
    if not is_address or parts.query or parts.fragment or parts.username is not None:
        raise InvariantError("base_url", problem)
    return base
