"""Until when subscriptions are paid, worked out from their cycles and the invoices of these.

Call it once the invoices are in the new database: what defect D11 overwrote is settled there.
"""

from typing import Final, NamedTuple

from keysat_adapters.sqlite.earlier.cells import instant_of
from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import Instant

_CYCLES: Final = """
    SELECT subscription_id, cycle_number, invoice_id, cycle_start_at, cycle_end_at
    FROM subscription_invoices ORDER BY subscription_id, cycle_number
"""


class PaidTimes(NamedTuple):
    """``ends``: when the last paid cycle of a subscription ends; less where the next one began sooner.

    ``first_ends``: when the second cycle began, by subscription.
    """

    ends: dict[str, Instant]
    first_ends: dict[str, Instant]


def paid_times(mover: Mover) -> PaidTimes:
    """Read the cycles of all subscriptions, in the order of their numbers."""
    found = PaidTimes({}, {})
    last_paid: dict[str, bool] = {}
    for subscription_id, number, invoice_id, start_text, end_text in mover.query(_CYCLES):
        start, end = instant_of(start_text), instant_of(end_text)
        if start is None or end is None:
            continue
        if number == 2:  # noqa: PLR2004  the second cycle
            found.first_ends[subscription_id] = start
        if last_paid.get(subscription_id, False):
            # A cycle began when the one before it was used up, whatever that said of its end.
            found.ends[subscription_id] = min(found.ends[subscription_id], start)
        is_paid = _is_paid(mover, str(invoice_id))
        if is_paid:
            found.ends[subscription_id] = Instant(max(start + 1, end))
        last_paid[subscription_id] = is_paid
    return found


def _is_paid(mover: Mover, invoice_id: str) -> bool:
    """Tell whether a cycle was paid, and delivered."""
    invoice = mover.tx.invoices.find_invoice(InvoiceId(invoice_id))
    return invoice is not None and invoice.settled_at is not None and invoice.held_at is None
