"""What is counted and added up beside long tables (migrations 13 and 16): compared with them, made anew."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from keysat_adapters.sqlite.session import Session


class Kept(NamedTuple):
    """A table of kept numbers. ``counted`` gives what its rows should be; those of ``nothing`` may stay."""

    keys: int
    columns: tuple[str, ...]
    counted: str
    nothing: str = "0"


_ROW_KEYS: Final = {
    "licenses": ("product_id", "coalesce(policy_id, '')", "status"),
    "invoices": ("product_id", "coalesce(payment_provider_id, '')", "status"),
    "machines": (
        "coalesce(product_id, '')",
        "iif(deactivated_at IS NULL, 'live', 'gone')",
        "''",
    ),
    "subscriptions": ("product_id", "status", "''"),
    "webhook_deliveries": ("endpoint_id", "status", "''"),
    "tip_attempts": ("policy_id", "''", "''"),
    "audit_log": ("actor_kind", "action", "coalesce(target_kind, '')"),
}

KEPT: Final[Mapping[str, Kept]] = {
    "row_counts": Kept(
        keys=4,
        columns=("counted", "first_key", "second_key", "third_key", "row_count"),
        counted=" UNION ALL ".join(
            f"SELECT '{table}', {', '.join(keys)}, count(*) FROM {table} GROUP BY 2, 3, 4"  # noqa: S608  constants
            for table, keys in _ROW_KEYS.items()
        ),
        nothing="row_count = 0",
    ),
    "revenue_days": Kept(
        keys=1,
        columns=("day", "invoice_count", "amount_sats"),
        counted=(
            "SELECT coalesce(settled_at, 0) / 86400, count(*), sum(amount_sats) FROM invoices"
            " WHERE status = 'settled' AND amount_sats > 0 GROUP BY 1"
        ),
        nothing="invoice_count = 0 AND amount_sats = 0",
    ),
    "code_spans": Kept(
        keys=3,
        columns=(
            "span_days",
            "span",
            "code_id",
            "redemption_count",
            "paid_count",
            "discount_applied_sats",
            "final_price_sats",
        ),
        counted=(
            "SELECT size, updated_at / (86400 * size), code_id, count(*), sum(final_price_sats > 0),"
            " sum(discount_applied_sats), sum(final_price_sats)"
            " FROM code_redemptions, (SELECT 1 AS size UNION ALL SELECT 32)"
            " WHERE status = 'redeemed' GROUP BY 1, 2, 3"
        ),
        nothing=(
            "redemption_count = 0 AND paid_count = 0 AND discount_applied_sats = 0"
            " AND final_price_sats = 0"
        ),
    ),
    "audit_days": Kept(
        keys=1,
        columns=("day", "first_id", "last_id", "row_count"),
        counted="SELECT occurred_at / 86400, min(id), max(id), count(*) FROM audit_log GROUP BY 1",
    ),
    "product_days": Kept(
        keys=2,
        columns=("day", "product_id", "invoice_count", "amount_sats"),
        counted=(
            "SELECT coalesce(settled_at, 0) / 86400, product_id, count(*), sum(amount_sats)"
            " FROM invoices WHERE status = 'settled' AND amount_sats > 0 GROUP BY 1, 2"
        ),
        nothing="invoice_count = 0 AND amount_sats = 0",
    ),
    "license_days": Kept(
        keys=1,
        columns=("day", "issued_count", "ended_count"),
        counted=(
            "SELECT day, sum(issued), sum(ended) FROM ("
            "SELECT issued_at / 86400 AS day, 1 AS issued, 0 AS ended FROM licenses UNION ALL"
            " SELECT coalesce(revoked_at, suspended_at, issued_at) / 86400, 0, 1 FROM licenses"
            " WHERE status <> 'active') GROUP BY 1"
        ),
        nothing="issued_count = 0 AND ended_count = 0",
    ),
    "renewal_days": Kept(
        keys=2,
        columns=("day", "listed_currency", "subscription_count", "listed_value"),
        counted=(
            "SELECT next_renewal_at / 86400, listed_currency, count(*), sum(listed_value)"
            " FROM subscriptions WHERE status = 'active' GROUP BY 1, 2"
        ),
        nothing="subscription_count = 0 AND listed_value = 0",
    ),
    "recurring_prices": Kept(
        keys=2,
        columns=("listed_currency", "period_days", "subscription_count", "listed_value"),
        counted=(
            "SELECT listed_currency, period_days, count(*), sum(listed_value)"
            " FROM subscriptions WHERE status = 'active' GROUP BY 1, 2"
        ),
        nothing="subscription_count = 0 AND listed_value = 0",
    ),
    "subscription_days": Kept(
        keys=1,
        columns=("day", "started_count", "ended_count"),
        counted=(
            "SELECT day, sum(started), sum(ended) FROM ("
            "SELECT started_at / 86400 AS day, 1 AS started, 0 AS ended FROM subscriptions UNION ALL"
            " SELECT coalesce(cancelled_at, next_renewal_at + 86400 * grace_period_days) / 86400, 0, 1"
            " FROM subscriptions WHERE status IN ('lapsed', 'cancelled')) GROUP BY 1"
        ),
        nothing="started_count = 0 AND ended_count = 0",
    ),
}

READ_TABLES: Final = (*KEPT, *_ROW_KEYS, "code_redemptions")
"""The tables that are looked at here."""


def count_differences(session: Session) -> dict[str, int]:
    """Count, by table of kept numbers, the keys whose numbers are not those of what they count.

    Raises:
        StoreBusy, StoreUnavailable.
    """
    return {table: session.number(difference_sql(table)) for table in KEPT}


def difference_sql(table: str) -> str:
    """Spell the query for how many keys of a table of kept numbers differ."""
    kept = KEPT[table]
    listed = ", ".join(kept.columns)
    keys = ", ".join(kept.columns[: kept.keys])
    # Only constants of this module reach this text.
    return (
        f"WITH counted ({listed}) AS MATERIALIZED ({kept.counted}),"  # noqa: S608
        f" kept AS MATERIALIZED (SELECT {listed} FROM {table} WHERE NOT ({kept.nothing}))"
        f" SELECT count(*) FROM (SELECT {keys} FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept)"
        f" UNION SELECT {keys} FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted))"
    )


def recount(session: Session) -> dict[str, int]:
    """Make all kept numbers anew inside the open write transaction; give how many keys differed.

    Raises:
        StoreBusy, StoreUnavailable.
    """
    differed = count_differences(session)
    for table, kept in KEPT.items():
        if differed[table]:
            session.run(f"DELETE FROM {table}")  # noqa: S608  constants
            session.run(f"INSERT INTO {table} ({', '.join(kept.columns)}) {kept.counted}")
    return differed
