"""Calls to a payment provider's API: one call, one outcome, of the three there are.

Source: payments 1.2, 6.1 and 7.1. A key never reaches an error, and so no log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from keysat_adapters.outbound.answer import Answer, NoAnswer, Unreadable
from keysat_adapters.outbound.http import HTTPSender
from keysat_core.domain.secret import Secret
from keysat_core.errors import ProviderRefused, ProviderUnavailable

T = TypeVar("T")

CALL_SECONDS: Final = 15.0
"""Whole time of one call (payments 6.1, 7.1)."""

READ_TRIES: Final = 2
"""How often something is read that could not be: a second look mends a connection that was cut."""

_PROBLEMS: Final = {401: "auth", 403: "auth", 404: "not_found"}
_GAVE_UP_WAITING: Final = 408
_BUSY: Final = 429
_NO_KEY: Final = "***"


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyedAPI:
    """One key at one address. Safe to share between threads.

    Attributes:
        base_url: With or without a slash at the end.
        scheme: The word before the key in the header that carries it.
        words_of: Gives what the body of an error with this status says, or nothing.
        later: Statuses below 500 that refuse nothing, but are not to be met again at once.
    """

    sender: HTTPSender
    base_url: str
    key: Secret
    scheme: str
    words_of: Callable[[int, bytes], str]
    later: frozenset[int]

    def read(self, operation: str, path: str, decode: Callable[[bytes], T]) -> T:
        """GET something. Safe to repeat, so what fails at once is tried once more.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        for _ in range(READ_TRIES - 1):
            try:
                return self.call(operation, "GET", path, None, decode)
            except ProviderUnavailable as exc:
                if exc.is_slow:
                    raise
        return self.call(operation, "GET", path, None, decode)

    def call(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any,
        decode: Callable[[bytes], T],
        *,
        seconds: float = CALL_SECONDS,
    ) -> T:
        """Send a body as JSON, or none for None, and decode the answer; never tried twice.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        headers = {
            "Authorization": f"{self.scheme} {self.key.reveal()}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        try:
            answer = self.sender.send(
                method,
                f"{self.base_url.rstrip('/')}{path}",
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
            return decode(answer.body)
        except Unreadable as exc:
            raise ProviderUnavailable(operation, str(exc)) from exc

    def _failure(self, operation: str, answer: Answer) -> ProviderRefused | ProviderUnavailable:
        status = answer.status
        # Before it is cut anywhere, or a part of the key could be left at the end; and behind escapes.
        key = self.key.reveal().encode()
        body = answer.body.replace(key, _NO_KEY.encode()) if key else answer.body
        words = self._without_key(self.words_of(status, body))
        said = f"HTTP {status}: {words}" if words else f"HTTP {status}"
        is_slow = status in self.later
        if is_slow or status == _GAVE_UP_WAITING or not 400 <= status < 500:  # noqa: PLR2004
            # A redirect is not followed: it could take the key to another host.
            is_busy = status == _BUSY
            return ProviderUnavailable(operation, said, is_slow=is_slow, is_busy=is_busy)
        problem = _PROBLEMS.get(status, "rejected")
        return ProviderRefused(operation, problem, said, http_status=status)

    def _without_key(self, text: str) -> str:
        key = self.key.reveal()
        return text.replace(key, _NO_KEY) if key else text
