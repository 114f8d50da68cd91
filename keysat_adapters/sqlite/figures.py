"""The figures that triggers keep (migration 16)."""

from collections.abc import Mapping
from typing import Final

from keysat_adapters.sqlite.session import Session
from keysat_core.domain.figures import (
    Days,
    LicenseDay,
    ProductDay,
    RecurringPrice,
    RenewalDay,
    SubscriptionFlow,
)
from keysat_core.domain.ids import ProductId
from keysat_core.domain.money import Currency

_PRODUCT_DAYS: Final = (
    "WITH best AS (SELECT product_id FROM product_days WHERE day >= ?1 AND day < ?2"
    " GROUP BY product_id HAVING sum(invoice_count) > 0"
    " ORDER BY sum(amount_sats) DESC, product_id LIMIT ?3)"
    " SELECT day, iif(product_id IN best, product_id, NULL) AS product, sum(invoice_count),"
    " sum(amount_sats) FROM product_days WHERE day >= ?1 AND day < ?2"
    " GROUP BY day, product HAVING sum(invoice_count) > 0"
)
_LICENSE_DAYS: Final = (
    "SELECT day, issued_count, ended_count FROM license_days WHERE day >= ? AND day < ?"
    " ORDER BY day"
)
_ACTIVE: Final = (
    "SELECT first_key, sum(row_count) FROM row_counts"
    " WHERE counted = 'licenses' AND third_key = 'active'"
    " GROUP BY first_key HAVING sum(row_count) > 0"
)
_RENEWALS: Final = (
    "SELECT max(day, ?1) AS due_day, listed_currency, sum(subscription_count), sum(listed_value)"
    " FROM renewal_days WHERE day < ?2 GROUP BY due_day, listed_currency"
    " HAVING sum(subscription_count) > 0"
)
_PRICES: Final = (
    "SELECT listed_currency, period_days, subscription_count, listed_value FROM recurring_prices"
    " WHERE subscription_count > 0 ORDER BY listed_currency, period_days"
)
_FLOW: Final = (
    "SELECT coalesce(sum(started_count), 0), coalesce(sum(ended_count), 0) FROM subscription_days"
    " WHERE day >= ? AND day < ?"
)
_LIVE: Final = (
    "SELECT sum(row_count) FROM row_counts"
    " WHERE counted = 'subscriptions' AND second_key IN ('active', 'past_due')"
)


class SQLiteFigures:
    """Implements ``ports.store.Figures``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_product_days(self, days: Days, products_max: int) -> list[ProductDay]:
        """Give what was earned on each day."""
        return [
            ProductDay(*row) for row in self._session.rows(_PRODUCT_DAYS, (*days, products_max))
        ]

    def list_license_days(self, days: Days) -> list[LicenseDay]:
        """Give how licenses came and went."""
        return [LicenseDay(*row) for row in self._session.rows(_LICENSE_DAYS, days)]

    def count_active_licenses(self) -> Mapping[ProductId, int]:
        """Count the active licenses of each product."""
        return {ProductId(row[0]): int(row[1]) for row in self._session.rows(_ACTIVE)}

    def list_renewal_days(self, days: Days) -> list[RenewalDay]:
        """Give when subscriptions fall due."""
        return [
            RenewalDay(day, Currency(currency), number, value)
            for day, currency, number, value in self._session.rows(_RENEWALS, days)
        ]

    def list_recurring_prices(self) -> list[RecurringPrice]:
        """Give what subscriptions bring in a cycle."""
        return [
            RecurringPrice(Currency(currency), period_days, number, value)
            for currency, period_days, number, value in self._session.rows(_PRICES)
        ]

    def subscription_flow(self, days: Days) -> SubscriptionFlow:
        """Count the subscriptions that began and ended."""
        return SubscriptionFlow(*self._session.rows(_FLOW, days)[0])

    def count_live_subscriptions(self) -> int:
        """Count the subscriptions that are billed."""
        return self._session.number(_LIVE)
