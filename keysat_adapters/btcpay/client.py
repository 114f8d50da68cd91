"""Talking to a BTCPay Server's Greenfield API. Source: payments 6.1 and 6.2."""

from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from keysat_adapters.btcpay.wire import problem_text
from keysat_adapters.outbound.answer import Unreadable
from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.outbound.keyed_api import KeyedAPI
from keysat_core.domain.secret import Secret

T = TypeVar("T")

LATER: Final = frozenset({429})


class GreenfieldClient:
    """One key at one server. Safe to share between threads.

    Every call raises ``ProviderRefused`` or ``ProviderUnavailable``.
    """

    def __init__(self, sender: HTTPSender, base_url: str, api_key: Secret) -> None:
        self._api = KeyedAPI(
            sender=sender,
            base_url=base_url,
            key=api_key,
            scheme="token",
            words_of=problem_text,
            later=LATER,
        )

    def read(self, operation: str, path: str, type_: type[T]) -> T:
        """GET something; once more if that fails at once."""
        return self._api.read(operation, path, partial(_decoded, type_))

    def act(self, operation: str, method: str, path: str, body: Any, type_: type[T]) -> T:
        """Change something and read the answer; never tried twice."""
        return self._api.call(operation, method, path, body, partial(_decoded, type_))

    def tell(self, operation: str, method: str, path: str, body: Any = None) -> None:
        """Change something; the answer's body is of no interest."""
        self._api.call(operation, method, path, body, bytes)


def _decoded(type_: type[T], body: bytes) -> T:
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        # What cannot be read may be a proxy's page, or a version we do not know.
        raise Unreadable("the answer is not what BTCPay answers") from exc
