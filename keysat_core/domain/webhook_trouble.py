"""What is wrong with the webhook of a payment provider, as far as its operator must see to it.

Source: payments 14.1, 14.2 and row 24 of 17. No payment is lost by any of it, because the
reconciler asks by itself; it is found later than it could be.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import takewhile
from typing import Final

import msgspec

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.instant import Instant, rfc3339
from keysat_core.domain.provider_health import FAILURES_IN_A_ROW, UNREACHABLE_SECONDS

_REFUSALS: Final = range(400, 500)
"""What a server answers that wants no webhook like this one. Source: RFC 9110 15.5."""


class WebhookProblem(StrEnum):
    """Why a provider's webhooks do not arrive."""

    SWITCHED_OFF = "switched_off"
    """The operator, or somebody, switched it off at the provider."""
    ELSEWHERE = "elsewhere"
    """It has an address that is not, and never was, this server's."""
    REFUSED = "refused"
    """This server did not take what was last sent: most likely its secret is another now."""
    UNDELIVERED = "undelivered"
    """What was last sent did not arrive: the provider does not reach this server."""
    OUTDATED = "outdated"
    """It has this server's former address, and only the operator can enter the new one."""


REMEDIES: Final[Mapping[WebhookProblem, str]] = {
    WebhookProblem.SWITCHED_OFF: "switch the webhook on at the provider",
    WebhookProblem.ELSEWHERE: "give the webhook this server's address at the provider, or delete it"
    " there: it is then registered anew",
    WebhookProblem.REFUSED: "disconnect the provider and connect it again: its secret is not the one"
    " it was registered with",
    WebhookProblem.UNDELIVERED: "see that the provider reaches this server at KEYSAT_PUBLIC_URL",
    WebhookProblem.OUTDATED: "enter this server's new address at the provider",
}
"""What its operator does about each."""


class WebhookTrouble(msgspec.Struct, frozen=True, kw_only=True):
    """One account's webhook does not work, since an instant. ``detail``: what was seen, if more."""

    account_id: ProviderAccountId
    problem: WebhookProblem
    detail: str | None = None
    since: Instant


class RemoteDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt of a provider to deliver a webhook. ``http_status``: None when nothing answered."""

    sent_at: Instant
    is_delivered: bool
    http_status: int | None = None


def judge_deliveries(
    newest_first: Sequence[RemoteDelivery], *, since: Instant
) -> tuple[WebhookProblem, str] | None:
    """Say what the last deliveries tell of a webhook; None when nothing is wrong.

    A refusal tells at once. One that got no answer, or an error, will be sent again, so only several
    over a while do: as many as make a provider unreachable (payments 15). Those sent before ``since``,
    when the webhook was made what it is, tell nothing.
    """
    failed = list(
        takewhile(lambda one: not one.is_delivered and one.sent_at >= since, newest_first)
    )
    if not failed:
        return None
    last = failed[0]
    status = last.http_status
    if status is not None and status in _REFUSALS:
        problem = WebhookProblem.REFUSED
    elif (
        len(failed) >= FAILURES_IN_A_ROW
        and last.sent_at - failed[-1].sent_at >= UNREACHABLE_SECONDS
    ):
        problem = WebhookProblem.UNDELIVERED
    else:
        return None
    answer = "got no answer" if status is None else f"was answered {status}"
    return problem, f"the delivery of {rfc3339(last.sent_at)} {answer}"
