"""The answers of BTCPay that say no: an object for one problem, an array for invalid fields."""

from tests.simulators.exchange import Response, json_response


class Refused(Exception):
    """The request ends with this answer."""

    def __init__(self, answer: Response) -> None:
        super().__init__(f"{answer.status}: {answer.body.decode()}")
        self.answer = answer


def problem(status: int, code: str, message: str) -> Refused:
    """Say one thing that is wrong."""
    return Refused(json_response(status, {"code": code, "message": message}))


def invalid(path: str, message: str) -> Refused:
    """Say that a field is invalid; BTCPay spells its name with a capital."""
    return Refused(json_response(422, [{"path": path, "message": message}]))


def unauthenticated() -> Refused:
    message = "Authentication is required for accessing this endpoint"
    return problem(401, "unauthenticated", message)


def missing_permission(permission: str) -> Refused:
    message = f'Insufficient API Permissions. Please use an API key with permission "{permission}"'
    body = {"code": "missing-permission", "message": message, "missingPermission": permission}
    return Refused(json_response(403, body))


def invoice_not_found() -> Refused:
    return problem(404, "invoice-not-found", "The invoice was not found")


def webhook_not_found() -> Refused:
    return problem(404, "webhook-not-found", "The webhook was not found")


def method_not_found() -> Refused:
    return problem(404, "paymentmethod-not-found", "The payment method was not found")
