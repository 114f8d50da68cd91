"""Carrying subscriptions, the invoices of their cycles, and saved cards.

The earlier server noted only which invoice was for which cycle. Here a cycle is settled, waits, or is
superseded; one at most waits, and an invoice belongs to one cycle.
"""

from typing import NamedTuple

import msgspec

from keysat_adapters.sqlite.earlier.catalog import currency_of
from keysat_adapters.sqlite.earlier.cells import Cells, RowLeft, instant_of
from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_adapters.sqlite.earlier.paid_times import PaidTimes, paid_times
from keysat_core.domain.ids import (
    CycleId,
    InvoiceId,
    LicenseId,
    MerchantProfileId,
    PolicyId,
    ProductId,
    ProviderAccountId,
    SubscriptionId,
)
from keysat_core.domain.instant import DAY_SECONDS, Instant, rfc3339
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.money import Money
from keysat_core.domain.renewal import first_look_at, look_at
from keysat_core.domain.saved_payment import CaptureState, SavedPayment, SavedProfile
from keysat_core.domain.subscription import LIVE, Cycle, Subscription, SubscriptionStatus
from keysat_core.limits import AMOUNT_MAX, PAGE_MAX, RENEWAL_PERIOD_DAYS_MAX, SECONDS_MAX

_LINKS = "SELECT id, subscription_id, invoice_id, cycle_number FROM subscription_invoices"
_LAST_END = """
    SELECT cycle_end_at FROM subscription_invoices WHERE subscription_id = ?
    ORDER BY cycle_number DESC LIMIT 1
"""


class _Link(NamedTuple):
    """Which cycle an invoice is of."""

    id: str
    subscription_id: str
    invoice_id: str
    number: int


def carry_subscriptions(mover: Mover) -> None:
    """Carry subscriptions, their cycles, and the cards that are charged for them."""
    links = [_Link(*row) for row in mover.query(_LINKS)]
    owners, open_ids = _owners(links), _open_ids(mover, links)
    paid = paid_times(mover)

    def subscription(cells: Cells) -> None:
        mover.tx.subscriptions.put_subscription(_subscription(mover, cells, paid))

    def cycle(cells: Cells) -> None:
        is_owner = owners.get(cells.required("invoice_id")) == cells.id
        found = _cycle(mover, cells, paid, is_owner=is_owner, is_open=cells.id in open_ids)
        mover.tx.subscriptions.put_cycle(found)

    mover.each("subscriptions", subscription)
    mover.each("subscription_invoices", cycle)
    for cells in mover.rows("subscriptions"):
        if cells.raw("zaprite_payment_profile_id") and mover.ledger.has("subscriptions", cells.id):
            _carry_card(mover, cells)


def _owners(links: list[_Link]) -> dict[str, str]:
    """Say which cycle each invoice belongs to: a renewal before what defect D1 made of it."""
    owners: dict[str, _Link] = {}
    for link in links:
        known = owners.get(link.invoice_id)
        if known is None or (known.number == 1 and link.number > 1):
            owners[link.invoice_id] = link
    return {invoice_id: link.id for invoice_id, link in owners.items()}


def _open_ids(mover: Mover, links: list[_Link]) -> frozenset[str]:
    """Name the one cycle of each subscription that may still wait: the newest, if it is not paid.

    One that was paid and not delivered waits for its operator's word.
    """
    newest: dict[str, _Link] = {}
    for link in links:
        known = newest.get(link.subscription_id)
        if known is None or link.number > known.number:
            newest[link.subscription_id] = link
    found = {
        link.id: mover.tx.invoices.find_invoice(InvoiceId(link.invoice_id))
        for link in newest.values()
    }
    return frozenset(
        id_
        for id_, invoice in found.items()
        if invoice is not None
        and (invoice.status is InvoiceStatus.PENDING or invoice.held_at is not None)
    )


def _subscription(mover: Mover, cells: Cells, paid: PaidTimes) -> Subscription:
    policy_id = PolicyId(mover.needed(cells, "policy_id", "policies"))
    license_id = LicenseId(mover.needed(cells, "license_id", "licenses"))
    policy = mover.tx.policies.get_policy(policy_id)
    started_at = cells.at("started_at", otherwise=mover.now)
    period = cells.number("period_days", low=1, high=RENEWAL_PERIOD_DAYS_MAX)
    status, cancelled_at = _status(cells, started_at)
    profile_id = mover.optional(cells, "merchant_profile_id", "merchant_profiles")
    account_id = mover.optional(cells, "payment_provider_id", "payment_providers")
    found = Subscription(
        id=SubscriptionId(cells.required("id")),
        license_id=license_id,
        product_id=ProductId(mover.needed(cells, "product_id", "products")),
        policy_id=policy_id,
        status=status,
        period_days=period,
        grace_period_days=policy.grace_period_days if policy.is_recurring else 0,
        license_grace_seconds=mover.tx.licenses.get_license(license_id).grace_seconds,
        listed=Money(
            currency=currency_of(cells, "listed_currency"),
            amount=cells.number("listed_value", high=AMOUNT_MAX),
        ),
        started_at=started_at,
        next_renewal_at=_paid_until(mover, cells, paid, started_at, period),
        cancelled_at=cancelled_at,
        cancellation_reason=cells.text("cancellation_reason"),
        last_renewal_attempt_at=cells.optional_at("last_renewal_attempt_at"),
        consecutive_failures=cells.number("consecutive_failures", high=SECONDS_MAX),
        merchant_profile_id=None if profile_id is None else MerchantProfileId(profile_id),
        account_id=None if account_id is None else ProviderAccountId(account_id),
        updated_at=cells.at("updated_at", otherwise=started_at),
    )
    if found.status not in LIVE:
        return found
    if found.lapses_at <= mover.now:
        cells.changed(
            f"nothing was paid since {rfc3339(found.next_renewal_at)}, and its grace is"
            " over. Its time to pay begins with the import; it lapses when that is over",
            "D6",
        )
        found = msgspec.structs.replace(found, next_renewal_at=mover.now)
    return msgspec.structs.replace(found, next_action_at=look_at(found, first_look_at(found)))


def _status(cells: Cells, started_at: Instant) -> tuple[SubscriptionStatus, Instant | None]:
    """Give the status, and the time of the end exactly where it was cancelled."""
    word = cells.raw("status")
    if word not in set(SubscriptionStatus):
        raise RowLeft("its status is not known")
    status = SubscriptionStatus(str(word))
    cancelled_at = cells.optional_at("cancelled_at")
    if status is SubscriptionStatus.CANCELLED and cancelled_at is None:
        cancelled_at = cells.at("updated_at", otherwise=started_at)
        cells.changed("it was cancelled without a time; it is that of its last change now")
    elif status is not SubscriptionStatus.CANCELLED and cancelled_at is not None:
        cells.changed(f"it was cancelled, and is {status} again; the time was left", "D10")
        cancelled_at = None
    return status, cancelled_at


def _paid_until(
    mover: Mover, cells: Cells, paid: PaidTimes, started_at: Instant, period: int
) -> Instant:
    """Give the end of what is paid (lifecycles 8.6, ``due_since``).

    The earlier server moved its ``next_renewal_at`` on with every invoice it made and every attempt
    that failed, whether anybody paid or not.
    """
    found = _noted_end(mover, cells, started_at, period)
    known = paid.ends.get(cells.id)
    if known is None or known >= found:
        return found
    cells.changed(
        f"its next renewal was noted for {rfc3339(found)}, but it is paid until {rfc3339(known)}",
        "D6",
    )
    return known


def _noted_end(mover: Mover, cells: Cells, started_at: Instant, period: int) -> Instant:
    """Give the end as it is noted, else that of the last cycle, else of a first one."""
    found = cells.optional_at("next_renewal_at")
    if found is not None:
        return found
    ends = [instant_of(end) for (end,) in mover.query(_LAST_END, cells.id)]
    fallback = ends[0] if ends and ends[0] is not None else None
    fallback = fallback or Instant(started_at + period * DAY_SECONDS)
    cells.changed("it had no next_renewal_at; it is the end of its last cycle now")
    return fallback


def _cycle(mover: Mover, cells: Cells, paid: PaidTimes, *, is_owner: bool, is_open: bool) -> Cycle:
    subscription_id = SubscriptionId(mover.needed(cells, "subscription_id", "subscriptions"))
    invoice_id = InvoiceId(mover.needed(cells, "invoice_id", "invoices"))
    invoice = mover.tx.invoices.get_invoice(invoice_id)
    created_at = cells.at("created_at", otherwise=mover.now)
    start_at = cells.at("cycle_start_at", otherwise=created_at)
    end_at = cells.at("cycle_end_at", otherwise=start_at)
    if end_at <= start_at:
        subscription = mover.tx.subscriptions.get_subscription(subscription_id)
        end_at = Instant(start_at + subscription.period_seconds)
        cells.changed("it ended before it began; it is one period long now")
    if not is_owner:
        cells.changed(
            f"its invoice {invoice_id} pays for a cycle of another subscription too, so that it has"
            " none here now",
            "D1",
        )
    settled_at, superseded_at = _ended(cells, invoice, is_open=is_open)
    true_end = _first_end(mover, cells, paid) if cells.raw("cycle_number") == 1 else None
    if settled_at is not None and true_end is not None and start_at < true_end < end_at:
        cells.changed(
            f"it ended at {rfc3339(true_end)}, not a period after it began", "lifecycles 8.2"
        )
        end_at = true_end
    return Cycle(
        id=CycleId(cells.required("id")),
        subscription_id=subscription_id,
        number=cells.number("cycle_number", low=1),
        invoice_id=invoice_id if is_owner else None,
        start_at=start_at,
        end_at=end_at,
        settled_at=settled_at,
        superseded_at=superseded_at,
        told_at=created_at,
        created_at=created_at,
    )


def _first_end(mover: Mover, cells: Cells, paid: PaidTimes) -> Instant:
    """Give the end of a first cycle, which the earlier server wrote wrongly for trials.

    It ended when the second began; without one it lasts until what is paid is used up.
    """
    subscription_id = SubscriptionId(cells.required("subscription_id"))
    noted = mover.tx.subscriptions.get_subscription(subscription_id).next_renewal_at
    return paid.first_ends.get(subscription_id, noted)


def _ended(
    cells: Cells, invoice: Invoice, *, is_open: bool
) -> tuple[Instant | None, Instant | None]:
    """Give when a cycle was settled, and when it was superseded."""
    if is_open:
        return None, None
    if invoice.settled_at is not None:
        return invoice.settled_at, None
    if invoice.status is InvoiceStatus.PENDING:
        cells.changed("a newer cycle of its subscription waits; this one is superseded now", "D6")
    return None, invoice.updated_at


def _carry_card(mover: Mover, cells: Cells) -> None:
    """Keep the card that is charged with the newest paid invoice (payments 7.6)."""
    subscription = mover.tx.subscriptions.get_subscription(SubscriptionId(cells.id))
    paid = [
        cycle.invoice_id
        for cycle in mover.tx.subscriptions.list_cycles(subscription.id, PAGE_MAX)
        if cycle.settled_at is not None and cycle.invoice_id is not None
    ]
    contact_id, account_id = cells.text("zaprite_contact_id"), subscription.account_id
    if not paid or not contact_id or account_id is None:
        cells.changed("its saved card could not be kept; its buyer pays by hand", "payments 7.6")
        return
    mover.tx.saved_payments.put_saved(
        SavedPayment(
            invoice_id=paid[0],
            account_id=account_id,
            state=CaptureState.SAVED,
            next_at=None,
            profile=SavedProfile(
                contact_id=contact_id,
                profile_id=cells.required("zaprite_payment_profile_id"),
                method=cells.text("zaprite_payment_profile_method"),
                expires_at=cells.optional_at("zaprite_payment_profile_expires_at"),
            ),
            created_at=subscription.updated_at,
            updated_at=subscription.updated_at,
        )
    )
