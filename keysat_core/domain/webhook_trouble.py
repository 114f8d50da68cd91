"""What is wrong with the webhook of a payment provider, as far as its operator must see to it.

Source: payments 14.1, 14.2 and row 24 of 17. No payment is lost by any of it, because the
reconciler asks by itself; it is found later than it could be.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import takewhile
from typing import Final
from urllib.parse import urlsplit

import msgspec

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.instant import Instant, rfc3339
from keysat_core.domain.provider_health import FAILURES_IN_A_ROW, UNREACHABLE_SECONDS

_UNAUTHENTICATED: Final = 401
"""What this server answers to a signature that is not its own (payments 6.8)."""

REDELIVER_SECONDS: Final = 5_400
"""A delivery that failed so long ago is not sent again by itself: BTCPay gives up after about an hour
(payments 6.8). Sent once more, it tells whether webhooks arrive by now."""


class WebhookProblem(StrEnum):
    """Why a provider's webhooks do not arrive."""

    SWITCHED_OFF = "switched_off"
    """The operator, or somebody, switched it off at the provider."""
    ELSEWHERE = "elsewhere"
    """It has an address that is not, and never was, this server's."""
    REFUSED = "refused"
    """This server did not take what was last sent: its secret is another now."""
    UNDELIVERED = "undelivered"
    """What was last sent did not arrive: the provider does not reach this server."""
    OUTDATED = "outdated"
    """It has this server's former address, and only the operator can enter the new one."""


REMEDIES: Final[Mapping[WebhookProblem, str]] = {
    WebhookProblem.SWITCHED_OFF: "switch the webhook on at the provider",
    WebhookProblem.ELSEWHERE: "give the webhook this server's address at the provider, or delete it"
    " there: it is then registered anew",
    WebhookProblem.REFUSED: "see that nothing in front of this server asks for a password; if nothing"
    " does, the webhook's secret is another: disconnect the provider and connect it again",
    WebhookProblem.UNDELIVERED: "see that the provider reaches this server at KEYSAT_PUBLIC_URL, and"
    " that nothing in front of it answers in its place",
    WebhookProblem.OUTDATED: "enter that address as the webhook's at the provider",
}
"""What its operator does about each."""


class WebhookTrouble(msgspec.Struct, frozen=True, kw_only=True):
    """One account's webhook does not work, since an instant. ``detail``: what was seen, if more.

    Of an outdated one it is the new address.
    """

    account_id: ProviderAccountId
    problem: WebhookProblem
    detail: str | None = None
    since: Instant

    @property
    def is_of_address(self) -> bool:
        """While it lasted, what was sent went elsewhere, and tells nothing of this server."""
        return self.problem in {WebhookProblem.SWITCHED_OFF, WebhookProblem.ELSEWHERE}


class RemoteDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt of a provider to deliver a webhook. ``http_status``: None when nothing answered."""

    id: str
    sent_at: Instant
    is_delivered: bool
    http_status: int | None = None


def judge_deliveries(
    newest_first: Sequence[RemoteDelivery],
    *,
    since: Instant,
    awake_since: Instant,
    is_failing: bool,
) -> tuple[WebhookProblem, str] | None:
    """Say what the last deliveries tell of a webhook; None when nothing is wrong.

    A bad signature tells at once. Any other failure will be sent again, so only several over a while
    do, as many as make a provider unreachable (payments 15), and only while this server ran:
    ``awake_since``. One that is known (``is_failing``) lasts until a delivery arrives. Those sent
    before ``since``, when the webhook was made what it is, tell nothing.
    """
    failed = list(
        takewhile(lambda one: not one.is_delivered and one.sent_at >= since, newest_first)
    )
    if not failed:
        return None
    last = failed[0]
    answer = "got no answer" if last.http_status is None else f"was answered {last.http_status}"
    detail = f"the delivery of {rfc3339(last.sent_at)} {answer}"
    if last.http_status == _UNAUTHENTICATED:
        return WebhookProblem.REFUSED, detail
    met = [one for one in failed if one.sent_at >= awake_since]
    is_lasting = (
        len(met) >= FAILURES_IN_A_ROW and last.sent_at - met[-1].sent_at >= UNREACHABLE_SECONDS
    )
    return (WebhookProblem.UNDELIVERED, detail) if is_failing or is_lasting else None


def to_send_again(newest_first: Sequence[RemoteDelivery], now: Instant) -> RemoteDelivery | None:
    """Give the last delivery if it failed and will not be sent again by itself."""
    last = next(iter(newest_first), None)
    if last is None or last.is_delivered or now - last.sent_at < REDELIVER_SECONDS:
        return None
    return last


def is_ended_by(trouble: WebhookTrouble, host: str, *, former: str | None) -> bool:
    """Tell whether a webhook that came to a host shows that an outdated address was replaced.

    It does unless it came to the former one's. Behind a proxy that names a host of its own, any does.
    """
    if trouble.problem is not WebhookProblem.OUTDATED or trouble.detail is None:
        return False
    old = _host(urlsplit(former or "").netloc)
    return _host(host) != old or _host(urlsplit(trouble.detail).netloc) == old


def _host(netloc: str) -> str:
    return netloc.casefold().removesuffix(":443").removesuffix(":80")
