"""How a provider's webhook that does not work looks on the wire. Source: payments 14.1."""

import msgspec

from keysat_core.domain.instant import rfc3339
from keysat_core.domain.webhook_trouble import REMEDIES, WebhookTrouble


class WebhookTroubleView(msgspec.Struct, frozen=True, kw_only=True):
    """Why webhooks do not arrive, since when, and what to do about it.

    ``problem``: ``switched_off``, ``elsewhere``, ``refused``, ``undelivered``, ``outdated``.
    """

    problem: str
    detail: str | None
    since: str
    remedy: str


def trouble_view(trouble: WebhookTrouble | None) -> WebhookTroubleView | None:
    """Show what is wrong with a webhook; None when nothing is."""
    if trouble is None:
        return None
    return WebhookTroubleView(
        problem=trouble.problem,
        detail=trouble.detail,
        since=rfc3339(trouble.since),
        remedy=REMEDIES[trouble.problem],
    )
