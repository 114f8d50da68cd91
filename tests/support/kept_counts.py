"""What is counted beside the tables, against counting the tables themselves."""

from typing import Final

import apsw

_COUNTED: Final = {
    "licenses": ("product_id", "coalesce(policy_id, '')", "status"),
    "invoices": ("product_id", "coalesce(payment_provider_id, '')", "status"),
    "machines": ("product_id", "iif(deactivated_at IS NULL, 'live', 'gone')", "''"),
    "subscriptions": ("product_id", "status", "''"),
    "webhook_deliveries": ("endpoint_id", "status", "''"),
    "tip_attempts": ("policy_id", "''", "''"),
    "audit_log": ("actor_kind", "action", "coalesce(target_kind, '')"),
}
_DAYS: Final = {
    "SELECT day, invoice_count, amount_sats FROM revenue_days WHERE invoice_count <> 0": (
        "SELECT coalesce(settled_at, 0) / 86400, count(*), sum(amount_sats) FROM invoices"
        " WHERE status = 'settled' AND amount_sats > 0 GROUP BY 1"
    ),
    "SELECT span_days, span, code_id, redemption_count, paid_count, discount_applied_sats,"
    " final_price_sats FROM code_spans WHERE redemption_count <> 0": (
        "SELECT size, updated_at / (86400 * size), code_id, count(*), sum(final_price_sats > 0),"
        " sum(discount_applied_sats), sum(final_price_sats)"
        " FROM code_redemptions, (SELECT 1 AS size UNION ALL SELECT 32)"
        " WHERE status = 'redeemed' GROUP BY 1, 2, 3"
    ),
    "SELECT day, product_id, invoice_count, amount_sats FROM product_days WHERE invoice_count <> 0": (
        "SELECT coalesce(settled_at, 0) / 86400, product_id, count(*), sum(amount_sats) FROM invoices"
        " WHERE status = 'settled' AND amount_sats > 0 GROUP BY 1, 2"
    ),
    "SELECT day, issued_count FROM license_days WHERE issued_count <> 0": (
        "SELECT issued_at / 86400, count(*) FROM licenses GROUP BY 1"
    ),
    "SELECT day, ended_count FROM license_days WHERE ended_count <> 0": (
        "SELECT coalesce(revoked_at, suspended_at, issued_at) / 86400, count(*) FROM licenses"
        " WHERE status <> 'active' GROUP BY 1"
    ),
    "SELECT day, listed_currency, subscription_count, listed_value FROM renewal_days"
    " WHERE subscription_count <> 0": (
        "SELECT next_renewal_at / 86400, listed_currency, count(*), sum(listed_value)"
        " FROM subscriptions WHERE status = 'active' GROUP BY 1, 2"
    ),
    "SELECT listed_currency, period_days, subscription_count, listed_value FROM recurring_prices"
    " WHERE subscription_count <> 0": (
        "SELECT listed_currency, period_days, count(*), sum(listed_value)"
        " FROM subscriptions WHERE status = 'active' GROUP BY 1, 2"
    ),
    "SELECT day, started_count FROM subscription_days WHERE started_count <> 0": (
        "SELECT started_at / 86400, count(*) FROM subscriptions GROUP BY 1"
    ),
    "SELECT day, ended_count FROM subscription_days WHERE ended_count <> 0": (
        "SELECT (CASE status WHEN 'cancelled' THEN cancelled_at"
        " ELSE next_renewal_at + 86400 * grace_period_days END) / 86400, count(*)"
        " FROM subscriptions WHERE status NOT IN ('active', 'past_due') GROUP BY 1"
    ),
    "SELECT day, first_id, last_id, row_count FROM audit_days": (
        "SELECT occurred_at / 86400, min(id), max(id), count(*) FROM audit_log GROUP BY 1"
    ),
}


def drift(connection: apsw.Connection) -> list[str]:
    """Give each kept number that differs from what it counts, in words."""
    found = []
    for table, keys in _COUNTED.items():
        kept = (
            "SELECT first_key, second_key, third_key, row_count FROM row_counts"  # noqa: S608
            f" WHERE counted = '{table}' AND row_count <> 0"
        )
        counted = f"SELECT {', '.join(keys)}, count(*) FROM {table} GROUP BY 1, 2, 3"  # noqa: S608
        found += _differences(connection, table, kept, counted)
    for kept, counted in _DAYS.items():
        found += _differences(connection, kept.rpartition("FROM ")[2], kept, counted)
    return found


def _differences(connection: apsw.Connection, name: str, kept: str, counted: str) -> list[str]:
    actual, expected = (set(connection.execute(sql).fetchall()) for sql in (kept, counted))
    return [f"{name}: kept {row}" for row in actual - expected] + [
        f"{name}: counted {row}" for row in expected - actual
    ]
