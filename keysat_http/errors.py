"""The one table from an expected failure to its HTTP status and envelope.

Source: public-api 1 and 18; admin-api 0, B-06, B-07; decisions 5. Whatever is not in the table is
a 500 that says nothing but its request id. How the framework's own refusals are read is in
``keysat_http.framework_errors``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core import errors as core
from keysat_http.limits import FIELD_PROBLEMS_MAX, PROBLEM_CHARS_MAX

INTERNAL_MESSAGE: Final = "internal error: something broke on this server; quote the request id"


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a request and what is wrong with it."""

    field: str
    problem: str


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every error answer. ``error`` and the status are the contract."""

    ok: Literal[False] = False
    error: str
    message: str
    code: str | UnsetType = UNSET
    upgrade_url: str | UnsetType = UNSET
    detail: list[FieldProblem] | str | UnsetType = UNSET
    request_id: str | UnsetType = UNSET


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """How one kind of failure looks on the wire.

    Attributes:
        status: The HTTP status.
        error: The published code of the envelope.
        prefix: What the message starts with.
        message: A fixed message in place of the failure's own text, which is then only logged.
        is_text_for_operators: The text may quote the inside of the shop, so buyers do not see it.
        buyers_text: What buyers are told then; by default the failure's code in words.
        buyers_advice: What follows it: that they lost nothing, and what they can do.
    """

    status: int
    error: str
    prefix: str = ""
    message: str | None = None
    is_text_for_operators: bool = False
    buyers_text: str | None = None
    buyers_advice: str = "nothing was charged, try again later"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A rendered failure: what the shell sends."""

    status: int
    body: Error
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return the JSON of the envelope."""
        return msgspec.json.encode(self.body)


BAD_REQUEST: Final = Rule(status=400, error="bad_request", prefix="bad request: ")
UNAUTHORIZED: Final = Rule(status=401, error="unauthorized")
FORBIDDEN: Final = Rule(status=403, error="forbidden", prefix="forbidden: ")
CONFLICT: Final = Rule(status=409, error="conflict", prefix="conflict: ")
UPSTREAM: Final = Rule(
    status=502, error="upstream_error", prefix="upstream error: ", is_text_for_operators=True
)
INTERNAL: Final = Rule(status=500, error="internal_error", message=INTERNAL_MESSAGE)
UNAVAILABLE: Final = Rule(status=503, error="service_unavailable", prefix="service unavailable: ")

RULES: Final[Mapping[type[core.KeysatError], Rule]] = {
    core.InvariantError: BAD_REQUEST,
    core.BadKeyFormat: BAD_REQUEST,
    core.BadKeySignature: BAD_REQUEST,
    core.KeyExpired: BAD_REQUEST,
    core.FingerprintMismatch: BAD_REQUEST,
    core.BadPEM: BAD_REQUEST,
    core.Unauthorized: UNAUTHORIZED,
    core.Forbidden: Rule(status=403, error="forbidden"),
    core.CsrfTokenInvalid: FORBIDDEN,
    core.CrossSiteRequest: FORBIDDEN,
    core.WebPasswordUnset: UNAVAILABLE,
    core.NotFound: Rule(status=404, error="not_found", prefix="not found: "),
    core.SlugTaken: CONFLICT,
    core.StillReferenced: CONFLICT,
    core.IdempotencyKeyReused: CONFLICT,
    core.RequestInFlight: CONFLICT,
    core.AnswerLost: CONFLICT,
    core.IllegalTransition: CONFLICT,
    core.StillPayable: CONFLICT,
    core.TierCapReached: Rule(status=402, error="tier_cap"),
    core.ProductInactive: BAD_REQUEST,
    core.PolicyUnavailable: BAD_REQUEST,
    core.CodeRefused: BAD_REQUEST,
    core.TierChangeRefused: BAD_REQUEST,
    core.RecoveryRefused: Rule(status=404, error="not_found", prefix="not found: "),
    core.NoProvider: BAD_REQUEST,
    core.ProviderRefused: Rule(
        status=502,
        error="upstream_error",
        prefix="upstream error: ",
        is_text_for_operators=True,
        buyers_text="the seller's payment service refused",
        # Waiting changes nothing about a dead key, or a store without a payment method.
        buyers_advice="nothing was charged, please tell the seller",
    ),
    core.ProviderUnavailable: UPSTREAM,
    core.RateUnavailable: Rule(
        status=502,
        error="upstream_error",
        prefix="upstream error: ",
        is_text_for_operators=True,
        buyers_text="rate fetch failed",
    ),
    core.RecipientFailed: UPSTREAM,
    core.NotAuthentic: UNAUTHORIZED,
    core.ConnectStateInvalid: UNAUTHORIZED,
    core.AlreadyConnected: CONFLICT,
    core.StoreUndecided: BAD_REQUEST,
    core.NotConfigured: Rule(
        status=503, error="btcpay_not_configured", prefix="service unavailable: "
    ),
    core.ProviderNotLoaded: Rule(
        status=503,
        error="service_unavailable",
        prefix="service unavailable: ",
        is_text_for_operators=True,
    ),
    core.RateLimited: Rule(status=429, error="rate_limited", prefix="too many requests: "),
    core.ConfigurationError: INTERNAL,
    core.NotInstalled: INTERNAL,
    core.CorruptRow: INTERNAL,
    core.StoreBusy: UNAVAILABLE,
    core.StoreUnavailable: Rule(
        status=503,
        error="service_unavailable",
        message="service unavailable: the database cannot be used right now",
    ),
    core.MigrationRefused: INTERNAL,
    core.PathTaken: INTERNAL,
    core.BackupUnsound: INTERNAL,
    core.DatabaseInUse: INTERNAL,
    core.SigningKeyUnusable: INTERNAL,
    # Its one route answers it in a shape of its own.
    core.LicenseFileUnwritable: INTERNAL,
}
"""Leaves only: a family has no row, so that a new leaf must say how it looks."""

RETRY_SECONDS: Final[Mapping[type[core.KeysatError], int]] = {
    core.RequestInFlight: 2,
    core.StoreBusy: 1,
    core.StoreUnavailable: 5,
}
"""``Retry-After`` of failures that pass by themselves."""


def answer(
    failure: BaseException, *, request_id: str | None, is_for_operator: bool = False
) -> Answer:
    """Say how a failure of the core, or a bug, looks on the wire."""
    if not isinstance(failure, core.KeysatError):
        return internal_answer(request_id)
    # A leaf missing here fails a test; at run time it is answered like any other bug.
    rule = RULES.get(type(failure), INTERNAL)
    if rule is INTERNAL:
        return internal_answer(request_id)
    body = Error(
        error=rule.error,
        message=_message(failure, rule, is_for_operator=is_for_operator),
        code=failure.code,
        upgrade_url=failure.upgrade_url if isinstance(failure, core.TierCapReached) else UNSET,
        detail=_detail(failure),
        request_id=request_id if rule.status >= INTERNAL.status and request_id else UNSET,
    )
    return Answer(status=rule.status, body=body, headers=_headers(failure))


def refusal(
    status: int,
    error: str,
    message: str,
    *,
    code: str,
    detail: list[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Build the answer to a request the shell itself refuses, before any use case."""
    body = Error(
        error=error,
        message=message,
        code=code,
        detail=UNSET if detail is None else detail[:FIELD_PROBLEMS_MAX],
    )
    return Answer(status=status, body=body, headers=headers or {})


def bad_request(message: str, *, code: str, detail: list[FieldProblem] | None = None) -> Answer:
    """Build a 400 of the shell's own."""
    return refusal(
        BAD_REQUEST.status,
        BAD_REQUEST.error,
        BAD_REQUEST.prefix + message,
        code=code,
        detail=detail,
    )


def internal_answer(request_id: str | None) -> Answer:
    """Build the 500 that tells nothing but its request id (B-06)."""
    body = Error(
        error=INTERNAL.error,
        message=INTERNAL_MESSAGE,
        code=INTERNAL.error,
        request_id=request_id or UNSET,
    )
    return Answer(status=INTERNAL.status, body=body)


def _message(failure: core.KeysatError, rule: Rule, *, is_for_operator: bool) -> str:
    if rule.message is not None:
        return rule.message
    text = str(failure)[:PROBLEM_CHARS_MAX]
    if rule.is_text_for_operators and not is_for_operator:
        what = rule.buyers_text or failure.code.replace("_", " ")
        text = f"{what}; {rule.buyers_advice}"
    return rule.prefix + text


def _detail(failure: core.KeysatError) -> list[FieldProblem] | UnsetType:
    if isinstance(failure, core.InvariantError):
        return [FieldProblem(field=failure.field, problem=failure.problem[:PROBLEM_CHARS_MAX])]
    return UNSET


def _headers(failure: core.KeysatError) -> dict[str, str]:
    seconds = RETRY_SECONDS.get(type(failure))
    if isinstance(failure, core.RateLimited):
        seconds = failure.retry_after_seconds
    return {} if seconds is None else {"retry-after": str(seconds)}
