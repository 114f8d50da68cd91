"""Subscriptions and their cycles as rows."""

from typing import Final

from keysat_adapters.sqlite.list_query import Bound, ListQuery, kept_total
from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.ids import (
    InvoiceId,
    LicenseId,
    MerchantProfileId,
    PolicyId,
    SubscriptionId,
)
from keysat_core.domain.instant import Instant
from keysat_core.domain.listing import SubscriptionFilter, SubscriptionPage, Total
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.subscription import Cycle, Subscription, SubscriptionStatus
from keysat_core.errors import NotFound

SUBSCRIPTIONS: Final = Table(
    "subscriptions",
    (
        "id",
        "license_id",
        "product_id",
        "policy_id",
        "status",
        "period_days",
        "grace_period_days",
        "license_grace_seconds",
        "listed_currency",
        "listed_value",
        "started_at",
        "next_renewal_at",
        "next_action_at",
        "cancelled_at",
        "cancellation_reason",
        "last_renewal_attempt_at",
        "consecutive_failures",
        "merchant_profile_id",
        "payment_provider_id",
        "updated_at",
    ),
)
CYCLES: Final = Table(
    "subscription_cycles",
    (
        "id",
        "subscription_id",
        "cycle_number",
        "invoice_id",
        "cycle_start_at",
        "cycle_end_at",
        "settled_at",
        "superseded_at",
        "told_at",
        "created_at",
    ),
)
_PUT: Final = SUBSCRIPTIONS.upsert()
_BY_ID: Final = SUBSCRIPTIONS.select("WHERE id = ?")
_OF_LICENSE: Final = SUBSCRIPTIONS.select("WHERE license_id = ?")
_DUE: Final = (
    "SELECT id FROM subscriptions WHERE next_action_at <= ? ORDER BY next_action_at, id LIMIT ?"
)
_LIVE: Final = "SELECT count(*) FROM subscriptions WHERE status IN ('active', 'past_due')"
_PUT_CYCLE: Final = CYCLES.upsert()
_OF_INVOICE: Final = CYCLES.select("WHERE invoice_id = ?")
_OPEN: Final = CYCLES.select(
    "WHERE subscription_id = ? AND settled_at IS NULL AND superseded_at IS NULL"
)
_LAST_SETTLED: Final = CYCLES.select(
    "WHERE subscription_id = ? AND settled_at IS NOT NULL ORDER BY cycle_number DESC LIMIT 1"
)
_CYCLES: Final = CYCLES.select(
    "WHERE subscription_id = ? ORDER BY cycle_number DESC, created_at DESC, id DESC LIMIT ?"
)


def read_subscription(row: Row) -> Subscription:
    """Read a subscription back."""
    return Subscription(
        id=row[0],
        license_id=row[1],
        product_id=row[2],
        policy_id=row[3],
        status=SubscriptionStatus(row[4]),
        period_days=row[5],
        grace_period_days=row[6],
        license_grace_seconds=row[7],
        listed=Money(currency=Currency(row[8]), amount=row[9]),
        started_at=row[10],
        next_renewal_at=row[11],
        next_action_at=row[12],
        cancelled_at=row[13],
        cancellation_reason=row[14],
        last_renewal_attempt_at=row[15],
        consecutive_failures=row[16],
        merchant_profile_id=row[17],
        account_id=row[18],
        updated_at=row[19],
    )


def read_cycle(row: Row) -> Cycle:
    """Read a cycle back."""
    return Cycle(
        id=row[0],
        subscription_id=row[1],
        number=row[2],
        invoice_id=row[3],
        start_at=row[4],
        end_at=row[5],
        settled_at=row[6],
        superseded_at=row[7],
        told_at=row[8],
        created_at=row[9],
    )


def list_query(criteria: SubscriptionFilter) -> ListQuery:
    """Say which subscriptions are asked for; a license has one at most."""
    query = ListQuery(table=SUBSCRIPTIONS.name, order=("started_at", "id")).matching(
        {"license_id": criteria.license_id, "product_id": criteria.product_id}
    )
    # An index by status follows that of the product.
    return query.where("status = ?", criteria.status)


def list_statement(
    criteria: SubscriptionFilter, total: Total | None = None
) -> tuple[str, tuple[Bound, ...]]:
    """Spell the query for a page of subscriptions, and its values."""
    return list_query(criteria).page(
        SUBSCRIPTIONS, limit=criteria.limit, offset=criteria.offset, total=total
    )


class SQLiteSubscriptions:
    """Implements ``ports.store.Subscriptions``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_subscription(self, subscription_id: SubscriptionId) -> Subscription:
        """Give a subscription; raises ``NotFound``."""
        found = self.find_subscription(subscription_id)
        if found is None:
            raise NotFound("subscription", subscription_id)
        return found

    def find_subscription(self, subscription_id: SubscriptionId) -> Subscription | None:
        """Give a subscription, or None."""
        row = self._session.row(_BY_ID, (subscription_id,))
        return SUBSCRIPTIONS.found(read_subscription, row)

    def find_subscription_of(self, license_id: LicenseId) -> Subscription | None:
        """Give the subscription of a license, or None."""
        return SUBSCRIPTIONS.found(read_subscription, self._session.row(_OF_LICENSE, (license_id,)))

    def put_subscription(self, subscription: Subscription) -> None:
        """Insert or replace a subscription."""
        self._session.run(
            _PUT,
            (
                subscription.id,
                subscription.license_id,
                subscription.product_id,
                subscription.policy_id,
                subscription.status,
                subscription.period_days,
                subscription.grace_period_days,
                subscription.license_grace_seconds,
                subscription.listed.currency,
                subscription.listed.amount,
                subscription.started_at,
                subscription.next_renewal_at,
                subscription.next_action_at,
                subscription.cancelled_at,
                subscription.cancellation_reason,
                subscription.last_renewal_attempt_at,
                subscription.consecutive_failures,
                subscription.merchant_profile_id,
                subscription.account_id,
                subscription.updated_at,
            ),
        )

    def list_due_subscriptions(self, now: Instant, limit: int) -> list[SubscriptionId]:
        """Give those to look at by now, longest due first."""
        rows = self._session.rows(_DUE, (now, max(0, limit)))
        return [SubscriptionId(row[0]) for row in rows]

    def list_subscriptions(self, criteria: SubscriptionFilter) -> SubscriptionPage:
        """Give one page, newest first, and how many match in all."""
        if criteria.license_id is None:
            keys = (criteria.product_id, criteria.status)
            total = kept_total(self._session, SUBSCRIPTIONS.name, keys)
        else:
            total = list_query(criteria).total(self._session)
        rows = self._session.rows(*list_statement(criteria, total))
        return SubscriptionPage(
            subscriptions=tuple(SUBSCRIPTIONS.values(read_subscription, rows)), total=total.number
        )

    def count_live_of_profile(self, profile_id: MerchantProfileId) -> int:
        """Count what is billed for a merchant profile."""
        return self._session.number(f"{_LIVE} AND merchant_profile_id = ?", (profile_id,))

    def count_live_of_policy(self, policy_id: PolicyId) -> int:
        """Count what is billed on a policy."""
        return self._session.number(f"{_LIVE} AND policy_id = ?", (policy_id,))

    def put_cycle(self, cycle: Cycle) -> None:
        """Insert or replace a cycle."""
        self._session.run(
            _PUT_CYCLE,
            (
                cycle.id,
                cycle.subscription_id,
                cycle.number,
                cycle.invoice_id,
                cycle.start_at,
                cycle.end_at,
                cycle.settled_at,
                cycle.superseded_at,
                cycle.told_at,
                cycle.created_at,
            ),
        )

    def find_cycle_of(self, invoice_id: InvoiceId) -> Cycle | None:
        """Give the cycle an invoice pays for, or None."""
        return CYCLES.found(read_cycle, self._session.row(_OF_INVOICE, (invoice_id,)))

    def find_open_cycle(self, subscription_id: SubscriptionId) -> Cycle | None:
        """Give the cycle that waits to be paid, or None."""
        return CYCLES.found(read_cycle, self._session.row(_OPEN, (subscription_id,)))

    def find_last_settled_cycle(self, subscription_id: SubscriptionId) -> Cycle | None:
        """Give the last cycle that was paid or free, or None."""
        return CYCLES.found(read_cycle, self._session.row(_LAST_SETTLED, (subscription_id,)))

    def list_cycles(self, subscription_id: SubscriptionId, limit: int) -> list[Cycle]:
        """Give cycles, newest first."""
        rows = self._session.rows(_CYCLES, (subscription_id, max(0, limit)))
        return CYCLES.values(read_cycle, rows)
