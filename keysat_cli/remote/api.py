"""One server's admin API: requests out, JSON in, and every failure told as commands tell theirs.

The key is sent to the one address it is for, never along a redirect, and is in no message.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from keysat_adapters.outbound.answer import Answer, NoAnswer
from keysat_adapters.outbound.http import HTTPSender
from keysat_cli.exit_codes import ExitCode
from keysat_cli.failures import ServerRefused
from keysat_cli.remote.refusals import refusal_of, unreadable
from keysat_cli.remote.target import Target

SECONDS: Final = 60.0
"""Whole time of one request: a forced delete of a large product takes a while."""

ANSWER_BYTES_MAX: Final = 67_108_864
"""Largest answer read, 64 MiB: a page of 10 000 licenses has about 10."""

READ_TRIES: Final = 4
"""How often something is asked for that a busy server did not give."""

PAUSE_SECONDS_MAX: Final = 30
"""The longest a server is believed that says when to ask again; after that it is told as it is."""

_BUSY: Final = frozenset({429, 503})

Query = str | int | bool | None


class API:
    """Asks one server. A change is sent once; what only reads is asked for again a few times.

    With ``is_dry_run`` every change is rehearsed by the server. ``idempotency_key`` is what a change
    is sent under; further changes of the same command get their number behind it.
    """

    def __init__(
        self,
        target: Target,
        sender: HTTPSender,
        *,
        idempotency_key: str,
        is_dry_run: bool = False,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._target = target
        self._sender = sender
        self._idempotency_key = idempotency_key
        self._wait = wait
        self._changes = 0
        self.is_dry_run = is_dry_run

    @property
    def has_changed(self) -> bool:
        """Tell whether a change was sent that was meant to last."""
        return self._changes > 0 and not self.is_dry_run

    def get(self, *parts: str, **query: Query) -> Any:
        """Read something.

        Raises:
            ServerRefused.
        """
        return self.read("/v1/admin", *parts, **query)

    def download(self, *parts: str, **query: Query) -> bytes:
        """Read a file of the admin API, as large as an answer may be.

        Raises:
            ServerRefused.
        """
        return self._read("/v1/admin", parts, query).body

    def read(self, root: str, *parts: str, **query: Query) -> Any:
        """Read something that is not of the admin API.

        Raises:
            ServerRefused.
        """
        return self._decoded(self._read(root, parts, query))

    def _read(self, root: str, parts: tuple[str, ...], query: Mapping[str, Query]) -> Answer:
        address = _address(root, parts, query)
        for left in range(READ_TRIES - 1, -1, -1):
            try:
                answer = self._send("GET", address, None, {})
            except NoAnswer as exc:
                if not left or exc.is_slow:
                    raise self._silent(exc, is_change=False) from None
                continue
            pause = _pause_of(answer)
            if not left or pause is None or pause > PAUSE_SECONDS_MAX:
                if not answer.is_success:
                    raise refusal_of(answer, self._target)
                return answer
            self._wait(pause)
        raise AssertionError("the last try returns or raises")

    def post(self, *parts: str, body: Any = None, **query: Query) -> Any:
        """Change something, or make it. Raises ``ServerRefused``."""
        return self.change("POST", "/v1/admin", *parts, body=body, **query)

    def put(self, *parts: str, body: Any, **query: Query) -> Any:
        """Put something in place. Raises ``ServerRefused``."""
        return self.change("PUT", "/v1/admin", *parts, body=body, **query)

    def patch(self, *parts: str, body: Any, **query: Query) -> Any:
        """Change some fields. Raises ``ServerRefused``."""
        return self.change("PATCH", "/v1/admin", *parts, body=body, **query)

    def delete(self, *parts: str, **query: Query) -> Any:
        """Remove something. Raises ``ServerRefused``."""
        return self.change("DELETE", "/v1/admin", *parts, **query)

    def change(self, method: str, root: str, *parts: str, body: Any = None, **query: Query) -> Any:
        """Send a change, once; bytes as they are, and all else as JSON.

        Raises:
            ServerRefused.
        """
        if self.is_dry_run:
            query = {**query, "dry_run": True}
        self._changes += 1
        key = self._idempotency_key + (f"-{self._changes}" if self._changes > 1 else "")
        payload = b"" if body is None else body
        if not isinstance(payload, bytes):
            payload = msgspec.json.encode(payload)
        try:
            answer = self._send(
                method, _address(root, parts, query), payload or None, {"Idempotency-Key": key}
            )
        except NoAnswer as exc:
            raise self._silent(exc, is_change=True) from None
        return self._decoded(answer)

    def _send(
        self, method: str, address: str, body: bytes | None, more: Mapping[str, str]
    ) -> Answer:
        headers = {
            "Authorization": f"Bearer {self._target.key.reveal()}",
            "Accept": "application/json, */*;q=0.5",
            **({"Content-Type": "application/json"} if body is not None else {}),
            **more,
        }
        return self._sender.send(
            method, self._target.url + address, seconds=SECONDS, headers=headers, body=body
        )

    def _decoded(self, answer: Answer) -> Any:
        if not answer.is_success:
            raise refusal_of(answer, self._target)
        try:
            return msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeError):
            raise unreadable(self._target, answer.status) from None

    def _silent(self, none: NoAnswer, *, is_change: bool) -> ServerRefused:
        said = str(none).replace(self._target.key.reveal(), "***")
        message = f"no answer from {self._target.url}: {said}"
        if is_change and none.was_sent and not self.is_dry_run:
            message += (
                "; whether it was done is not known. The same command with --idempotency-key"
                f" {self._idempotency_key} does not do it twice"
            )
        return ServerRefused(
            message, code="no_answer", error="no_answer", exit_code=ExitCode.OUTSIDE
        )


def _address(root: str, parts: tuple[str, ...], query: Mapping[str, Query]) -> str:
    path = "/".join([root, *(quote(part, safe="") for part in parts)])
    given = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value is not None
    }
    return f"{path}?{urlencode(given)}" if given else path


def _pause_of(answer: Answer) -> float | None:
    """Say when a busy server wants to be asked again; None if it is not busy, or does not say."""
    text = answer.headers.get("retry-after", "")
    if answer.status not in _BUSY or not text.isdecimal():
        return None
    return float(min(int(text), 10**6))
