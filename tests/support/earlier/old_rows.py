"""The rows of an earlier database as they are, and what hangs together among them."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

import apsw

OldRow: TypeAlias = dict[str, Any]

ENDED: Final = {"expired", "invalid"}


def rows_of(connection: apsw.Connection, sql: str) -> list[dict[str, Any]]:
    """Give the rows of a query by the names of their columns."""
    cursor = connection.execute(sql)
    rows = []
    for row in cursor:
        names = [column[0] for column in cursor.getdescription()]
        rows.append(dict(zip(names, row, strict=True)))
    return rows


class OldShop:
    """All rows of an earlier database, read once."""

    def __init__(self, path: Path, *, imported_at: int = 0) -> None:
        self.imported_at = imported_at
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
            names = connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            ).fetchall()
            self.tables: dict[str, list[OldRow]] = {
                str(name): rows_of(connection, f"SELECT * FROM {name} ORDER BY rowid")  # noqa: S608
                for (name,) in names
            }
            self.columns: dict[str, list[str]] = {
                str(name): [
                    str(column)
                    for (column,) in connection.execute(
                        "SELECT name FROM pragma_table_info(?)", (name,)
                    )
                ]
                for (name,) in names
            }

    def by_id(self, table: str) -> dict[str, OldRow]:
        """Give the rows of a table by their ids."""
        return self._by(table, "id")

    @cached_property
    def products(self) -> dict[str, OldRow]:
        return self.by_id("products")

    @cached_property
    def policies(self) -> dict[str, OldRow]:
        return self.by_id("policies")

    @cached_property
    def invoices(self) -> dict[str, OldRow]:
        return self.by_id("invoices")

    @cached_property
    def licenses(self) -> dict[str, OldRow]:
        return self.by_id("licenses")

    @cached_property
    def subscriptions(self) -> dict[str, OldRow]:
        return self.by_id("subscriptions")

    @cached_property
    def license_of_invoice(self) -> dict[str, OldRow]:
        return self._by("licenses", "invoice_id")

    @cached_property
    def subscription_of_license(self) -> dict[str, OldRow]:
        return self._by("subscriptions", "license_id")

    @cached_property
    def redemption_of_invoice(self) -> dict[str, OldRow]:
        return self._by("discount_redemptions", "invoice_id")

    @cached_property
    def cycles_of_subscription(self) -> dict[str, list[OldRow]]:
        return self._grouped("subscription_invoices", "subscription_id")

    @cached_property
    def cycles_of_invoice(self) -> dict[str, list[OldRow]]:
        return self._grouped("subscription_invoices", "invoice_id")

    @cached_property
    def changes_of_license(self) -> dict[str, list[OldRow]]:
        return self._grouped("tier_changes", "license_id")

    @cached_property
    def tips_of_license(self) -> dict[str, list[OldRow]]:
        return self._grouped("tip_attempts", "license_id")

    @cached_property
    def changes_of_invoice(self) -> dict[str, list[OldRow]]:
        return self._grouped("tier_changes", "invoice_id")

    @cached_property
    def default_provider(self) -> OldRow | None:
        """The account of the default profile that was connected first (lifecycles 13.3)."""
        defaults = {row["id"] for row in self.tables["merchant_profiles"] if row["is_default"]}
        accounts = self._sorted("payment_providers", lambda row: row["connected_at"])
        return next((row for row in accounts if row["merchant_profile_id"] in defaults), None)

    def is_settled(self, invoice_id: str | None) -> bool:
        """Say whether an invoice was paid."""
        return invoice_id is not None and self.invoices[invoice_id]["status"] == "settled"

    def has_ended(self, invoice_id: str | None) -> bool:
        """Say whether an invoice came to nothing."""
        return invoice_id is not None and self.invoices[invoice_id]["status"] in ENDED

    def _by(self, table: str, column: str) -> dict[str, OldRow]:
        return {row[column]: row for row in self.tables[table] if row[column] is not None}

    def _grouped(self, table: str, column: str) -> dict[str, list[OldRow]]:
        groups: dict[str, list[OldRow]] = defaultdict(list)
        for row in self.tables[table]:
            if row[column] is not None:
                groups[row[column]].append(row)
        return groups

    def _sorted(self, table: str, key: Callable[[OldRow], str]) -> list[OldRow]:
        return sorted(self.tables[table], key=key)
