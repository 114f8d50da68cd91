"""What a server's refusal means here: its words, and the exit code the local command would end with."""

from collections.abc import Mapping
from typing import Final

import msgspec

from keysat_adapters.outbound.answer import Answer
from keysat_cli.exit_codes import EXIT_CODES, ExitCode
from keysat_cli.failures import ServerRefused
from keysat_cli.remote.target import Target

BY_CODE: Final[Mapping[str, ExitCode]] = {leaf.code: code for leaf, code in EXIT_CODES.items()}
"""The exit code of a failure by its code: the same whether it happened here or there."""

BY_STATUS: Final[Mapping[int, ExitCode]] = {404: ExitCode.NOT_FOUND, 409: ExitCode.CONFLICT}
"""For a server that says no code this program knows; other 4xx are refusals, the rest outside."""

_HINTS: Final[Mapping[int, str]] = {
    401: "the API key was not accepted",
    403: "the API key does not allow this, or is unknown there",
    404: "there is no such thing, or the address is not that of a Keysat server",
    429: "too many requests; try again later",
}
_MESSAGE_CHARS_MAX: Final = 2_000


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says when it refuses; each part may be missing at a proxy before it."""

    error: str = ""
    message: str = ""
    code: str = ""
    upgrade_url: str | None = None
    request_id: str | None = None


def refusal_of(answer: Answer, target: Target) -> ServerRefused:
    """Read an answer that is no success."""
    said = _envelope(answer.body)
    if 300 <= answer.status < 400:  # noqa: PLR2004  the class of redirects
        return _redirected(answer, target)
    message = said.message or _HINTS.get(answer.status, f"the server answered {answer.status}")
    if answer.status in {401, 403} and said.message in {"unauthorized", "forbidden"}:
        message = f"{said.message}: {_HINTS[answer.status]}"
    if said.upgrade_url:
        message = f"{message}: {said.upgrade_url}"
    message = message.replace("force=true", "--force").replace(target.key.reveal(), "***")
    extra = {
        "status": answer.status,
        "upgrade_url": said.upgrade_url,
        "request_id": said.request_id,
    }
    return ServerRefused(
        message[:_MESSAGE_CHARS_MAX],
        code=said.code or f"http_{answer.status}",
        error=said.error or f"http_{answer.status}",
        exit_code=_exit_code(answer.status, said.code),
        extra={name: value for name, value in extra.items() if value is not None},
    )


def unreadable(target: Target, status: int) -> ServerRefused:
    """Say that an answer is no JSON, so that it is not a Keysat server's."""
    return ServerRefused(
        f"{target.url} does not answer as a Keysat server does; see that the address is right",
        code="unreadable_answer",
        error="unreadable_answer",
        exit_code=ExitCode.OUTSIDE,
        extra={"status": status},
    )


def _redirected(answer: Answer, target: Target) -> ServerRefused:
    place = answer.headers.get("location", "")[:200].replace(target.key.reveal(), "***")
    return ServerRefused(
        f"{target.url} sends us to {place or 'another address'}; the key is not taken along,"
        " give the server's own address",
        code="redirected",
        error="redirected",
        exit_code=ExitCode.OUTSIDE,
        extra={"status": answer.status},
    )


def _envelope(body: bytes) -> Envelope:
    try:
        return msgspec.json.decode(body, type=Envelope)
    except (msgspec.DecodeError, UnicodeError):
        return Envelope()


def _exit_code(status: int, code: str) -> ExitCode:
    known = BY_CODE.get(code)
    if known is not None:
        return known
    if 400 <= status < 500:  # noqa: PLR2004  the class of refusals
        return BY_STATUS.get(status, ExitCode.REFUSED)
    return ExitCode.OUTSIDE
