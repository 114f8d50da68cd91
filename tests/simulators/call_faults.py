"""Spoils the answer to one call as ``fault_plan`` chose."""

from collections.abc import Callable, Mapping
from typing import assert_never

import msgspec

from tests.simulators.exchange import (
    ConnectionCut,
    NeverAnswered,
    NotReachable,
    Response,
    html_response,
    json_response,
)
from tests.simulators.fault_plan import (
    Answer,
    CallAction,
    Cut,
    DropField,
    Html,
    ReplaceField,
    StaleRead,
    Timeout,
    Truncate,
    Unreachable,
)


def perform(action: CallAction | None, act: Callable[[], Response]) -> Response:
    """Do the work, or not, and give what the caller gets to see.

    ``StaleRead`` is the double's own business: here it is an ordinary answer.

    Raises:
        NeverAnswered: The action is a timeout.
        ConnectionCut: The action is a cut.
        NotReachable: The action lets nobody connect.
    """
    match action:
        case None | StaleRead():
            return act()
        case Answer():
            return _answer(action)
        case Timeout() | Cut():
            if action.after_acting:
                act()
            raise NeverAnswered if isinstance(action, Timeout) else ConnectionCut
        case Unreachable():
            raise NotReachable
        case Html() | Truncate() | DropField() | ReplaceField():
            return _garbled(action, act())
        case _:
            assert_never(action)


def _answer(action: Answer) -> Response:
    if isinstance(action.body, bytes):
        headers = {"content-type": action.content_type}
        return Response(status=action.status, headers=headers, body=action.body)
    return json_response(action.status, action.body)


def _garbled(action: Html | Truncate | DropField | ReplaceField, answer: Response) -> Response:
    match action:
        case Html():
            page = "<!doctype html><title>Proxy</title><h1>Something went wrong</h1>\n"
            return html_response(action.status, page)
        case Truncate():
            half = answer.body[: len(answer.body) // 2]
            return msgspec.structs.replace(answer, body=half)
        case DropField() | ReplaceField():
            value = msgspec.json.decode(answer.body) if answer.body else None
            body = msgspec.json.encode(_edited(action, value))
            return msgspec.structs.replace(answer, body=body)
        case _:
            assert_never(action)


def _edited(action: DropField | ReplaceField, value: object) -> object:
    if isinstance(value, list):
        return [_edited(action, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if isinstance(action, ReplaceField):
        return {**value, action.name: action.value}
    return {name: field for name, field in value.items() if name != action.name}
