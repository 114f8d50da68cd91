"""Events about subscriptions and their cycles (lifecycles 10.1)."""

from keysat_core.domain.events.event import Event
from keysat_core.domain.instant import rfc3339
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.subscription import Cycle, Subscription


class SubscriptionRenewed(Event, frozen=True, kw_only=True):
    """A cycle from the second on was paid, and the license extended."""

    event_type = "subscription.renewed"
    subscription_id: str
    invoice_id: str
    amount_sats: int
    license_id: str
    cycle_number: int
    cycle_start_at: str
    cycle_end_at: str


def subscription_renewed(
    subscription: Subscription, invoice: Invoice, cycle: Cycle
) -> SubscriptionRenewed:
    """Describe a paid cycle."""
    return SubscriptionRenewed(
        subscription_id=subscription.id,
        invoice_id=invoice.id,
        amount_sats=invoice.amount_sats,
        license_id=subscription.license_id,
        cycle_number=cycle.number,
        cycle_start_at=rfc3339(cycle.start_at),
        cycle_end_at=rfc3339(cycle.end_at),
    )
