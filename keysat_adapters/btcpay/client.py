"""Talking to a BTCPay Server's Greenfield API: one call, one outcome.

Source: payments 1.2, 6.1 and 6.2. A key never reaches an error, and so no log.
"""

from typing import Any, Final, TypeVar

import msgspec

from keysat_adapters.btcpay.wire import problem_text
from keysat_adapters.outbound.answer import Answer, NoAnswer
from keysat_adapters.outbound.http import HTTPSender
from keysat_core.domain.secret import Secret
from keysat_core.errors import ProviderRefused, ProviderUnavailable

T = TypeVar("T")

CALL_SECONDS: Final = 15.0
"""Whole time of one call (payments 6.1)."""

READ_TRIES: Final = 2
"""How often something is read that could not be: a second look mends a connection that was cut."""

_PROBLEMS: Final = {401: "auth", 403: "auth", 404: "not_found"}
_RETRYABLE: Final = 429


class GreenfieldClient:
    """One key at one server. Safe to share between threads."""

    def __init__(self, sender: HTTPSender, base_url: str, api_key: Secret) -> None:
        self._sender = sender
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key

    def read(self, operation: str, path: str, type_: type[T]) -> T:
        """GET something. Safe to repeat, so a lost answer or a failing server is asked once more.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        for _ in range(READ_TRIES - 1):
            try:
                return self._decoded(operation, self._ask(operation, "GET", path), type_)
            except ProviderUnavailable as exc:
                if exc.is_slow:
                    raise
        return self._decoded(operation, self._ask(operation, "GET", path), type_)

    def act(self, operation: str, method: str, path: str, body: Any, type_: type[T]) -> T:
        """Change something and read the answer; never tried twice.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        return self._decoded(operation, self._ask(operation, method, path, body), type_)

    def tell(self, operation: str, method: str, path: str, body: Any = None) -> None:
        """Change something; the answer's body is of no interest.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        self._ask(operation, method, path, body)

    def _ask(self, operation: str, method: str, path: str, body: Any = None) -> Answer:
        headers = {
            "Authorization": f"token {self._api_key.reveal()}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        try:
            answer = self._sender.send(
                method,
                f"{self._base_url}{path}",
                seconds=CALL_SECONDS,
                headers=headers,
                body=None if body is None else msgspec.json.encode(body),
            )
        except NoAnswer as exc:
            raise ProviderUnavailable(operation, str(exc), is_slow=exc.is_slow) from exc
        if answer.is_success:
            return answer
        raise self._failure(operation, answer)

    def _failure(self, operation: str, answer: Answer) -> ProviderRefused | ProviderUnavailable:
        code, message = map(self._without_key, problem_text(answer.status, answer.body))
        said = ": ".join(filter(None, (f"HTTP {answer.status}", code, message)))
        is_refusal = 400 <= answer.status < 500 and answer.status not in {408, _RETRYABLE}  # noqa: PLR2004
        if not is_refusal:
            # A redirect is not followed: it could take the key to another host.
            is_busy = answer.status == _RETRYABLE
            return ProviderUnavailable(operation, said, is_slow=is_busy, is_busy=is_busy)
        problem = _PROBLEMS.get(answer.status, "rejected")
        return ProviderRefused(operation, problem, said, http_status=answer.status)

    def _without_key(self, text: str) -> str:
        key = self._api_key.reveal()
        return text.replace(key, "***") if key else text

    @staticmethod
    def _decoded(operation: str, answer: Answer, type_: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.body, type=type_)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            # What cannot be read may be a proxy's page, or a version we do not know.
            problem = "the answer is not what BTCPay answers"
            raise ProviderUnavailable(operation, problem) from exc
