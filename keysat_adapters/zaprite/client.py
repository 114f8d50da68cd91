"""Talking to Zaprite's API: one call, one outcome.

Source: payments 1.2 and 7.1. A key never reaches an error, and so no log.
"""

from typing import Any, Final

import msgspec

from keysat_adapters.outbound.answer import Answer, NoAnswer
from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.zaprite.wire import Fields, Unreadable, problem_text, read_object
from keysat_core.domain.secret import Secret
from keysat_core.errors import ProviderRefused, ProviderUnavailable

CALL_SECONDS: Final = 15.0
"""Whole time of one call (payments 7.1)."""

READ_TRIES: Final = 2
"""How often something is read that could not be: a second look mends a connection that was cut."""

_PROBLEMS: Final = {401: "auth", 403: "auth", 404: "not_found"}
_BUSY: Final = 429
_PASSING: Final = frozenset({408, 425, _BUSY})
"""Refusals that the same call need not meet again."""


class ZapriteClient:
    """One key at one address. Safe to share between threads."""

    def __init__(self, sender: HTTPSender, base_url: str, api_key: Secret) -> None:
        self._sender = sender
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key

    def read(self, operation: str, path: str) -> Fields:
        """GET an object. Safe to repeat, so what fails at once is tried once more.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        for _ in range(READ_TRIES - 1):
            try:
                return self._ask(operation, "GET", path)
            except ProviderUnavailable as exc:
                if exc.is_slow:
                    raise
        return self._ask(operation, "GET", path)

    def act(
        self, operation: str, path: str, body: dict[str, Any], *, seconds: float = CALL_SECONDS
    ) -> Fields:
        """POST an object and read the answer; never tried twice.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        return self._ask(operation, "POST", path, body, seconds=seconds)

    def _ask(
        self,
        operation: str,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        seconds: float = CALL_SECONDS,
    ) -> Fields:
        headers = {
            "Authorization": f"Bearer {self._api_key.reveal()}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        try:
            answer = self._sender.send(
                method,
                f"{self._base_url}{path}",
                seconds=seconds,
                headers=headers,
                body=None if body is None else msgspec.json.encode(body),
            )
        except NoAnswer as exc:
            detail = self._without_key(str(exc))
            # The cause may quote a header, and so the key.
            raise ProviderUnavailable(operation, detail, is_slow=exc.is_slow) from None
        if not answer.is_success:
            raise self._failure(operation, answer)
        try:
            return read_object(answer.body)
        except Unreadable as exc:
            raise ProviderUnavailable(operation, str(exc)) from exc

    def _failure(self, operation: str, answer: Answer) -> ProviderRefused | ProviderUnavailable:
        words = self._without_key(problem_text(answer.body))
        said = f"HTTP {answer.status}" + (f": {words}" if words else "")
        is_refusal = 400 <= answer.status < 500 and answer.status not in _PASSING  # noqa: PLR2004
        if not is_refusal:
            # A redirect is not followed: it could take the key to another host. Too many requests
            # are asked again later, not at once.
            is_slow = answer.status in _PASSING
            is_busy = answer.status == _BUSY
            return ProviderUnavailable(operation, said, is_slow=is_slow, is_busy=is_busy)
        problem = _PROBLEMS.get(answer.status, "rejected")
        return ProviderRefused(operation, problem, said, http_status=answer.status)

    def _without_key(self, text: str) -> str:
        key = self._api_key.reveal()
        return text.replace(key, "***") if key else text
