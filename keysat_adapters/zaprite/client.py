"""Talking to Zaprite's API. Source: payments 7.1."""

from typing import Any, Final

from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.outbound.keyed_api import CALL_SECONDS, KeyedAPI
from keysat_adapters.zaprite.wire import Fields, problem_text, read_object
from keysat_core.domain.secret import Secret

LATER: Final = frozenset({408, 425, 429})


class ZapriteClient:
    """One key at one address. Safe to share between threads.

    Every call raises ``ProviderRefused`` or ``ProviderUnavailable``.
    """

    def __init__(self, sender: HTTPSender, base_url: str, api_key: Secret) -> None:
        self._api = KeyedAPI(
            sender=sender,
            base_url=base_url,
            key=api_key,
            scheme="Bearer",
            words_of=problem_text,
            later=LATER,
        )

    def read(self, operation: str, path: str) -> Fields:
        """GET an object; once more if that fails at once."""
        return self._api.read(operation, path, read_object)

    def act(
        self, operation: str, path: str, body: dict[str, Any], *, seconds: float = CALL_SECONDS
    ) -> Fields:
        """POST an object and read the answer; never tried twice."""
        return self._api.call(operation, "POST", path, body, read_object, seconds=seconds)
