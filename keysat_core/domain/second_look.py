"""An invoice whose payment was under way does not end on one word of its provider.

Source: payments 7.3: after ``PROCESSING`` only an end that is reported twice, a minute apart, counts.
"""

from typing import Final

import msgspec

from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Expire, Invalidate, Invoice, InvoiceStatus, event_of
from keysat_core.domain.payment import ProviderReport

SECOND_LOOK_SECONDS: Final = 60
"""So far apart are the two looks that must see the same end."""

_THEN: Final = ", then "


def doubted(invoice: Invoice, report: ProviderReport, now: Instant) -> Invoice | None:
    """Give the invoice as it is kept while its end is doubted; None when the report counts.

    ``provider_status_raw`` then tells both statuses and ``last_checked_at`` when the end was first
    seen, so that further looks before the minute is over change nothing. A clock set back begins the
    minute anew.
    """
    is_end = isinstance(event_of(report), Expire | Invalidate)
    if invoice.status is not InvoiceStatus.PENDING or report.doubted_after is None or not is_end:
        return None
    before = invoice.provider_status_raw or ""
    was_seen = before.startswith(report.doubted_after + _THEN)
    if before != report.doubted_after and not was_seen:
        return None
    since = invoice.last_checked_at
    if was_seen and since is not None and now - since >= 0:
        return invoice if now - since < SECOND_LOOK_SECONDS else None
    return msgspec.structs.replace(
        invoice,
        provider_status_raw=report.doubted_after + _THEN + report.raw_status,
        last_checked_at=now,
    )
