"""Zaprite's error answers: ``{"code", "message", "issues"?}``. Source: Zaprite API, Errors."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.simulators.exchange import Response, json_response

CODES: Final[Mapping[int, str]] = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    402: "PAYMENT_REQUIRED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_SERVER_ERROR",
}


class Refusal(Exception):
    """The API refuses a call.

    Args:
        status: The HTTP status.
        message: For people.
        issues: What is wrong with the input, one sentence each.
    """

    def __init__(self, status: int, message: str, issues: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.issues = list(issues)

    def response(self) -> Response:
        """Write the answer."""
        body: dict[str, Any] = {
            "code": CODES.get(self.status, "INTERNAL_SERVER_ERROR"),
            "message": self.message,
        }
        if self.issues:
            body["issues"] = [{"message": issue} for issue in self.issues]
        return json_response(self.status, body)


def invalid(issues: Sequence[str]) -> Refusal:
    """Refuse an input."""
    return Refusal(400, "Invalid input data", issues)
