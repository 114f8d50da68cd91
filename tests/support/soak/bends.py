"""Rules broken on purpose, each as a mistake somebody might make: a soak must find them."""

from collections.abc import Callable, Mapping
from typing import cast

import apsw
import msgspec

from keysat_core.domain.payment import ProviderNotice, ProviderReport, ProviderStatus
from keysat_core.errors import NotAuthentic
from keysat_core.ports.payments import PaymentProvider
from tests.support.soak.shop import Bend


class _Around:
    """A provider that is as another, but for what a subclass does."""

    def __init__(self, provider: PaymentProvider) -> None:
        self._provider = provider

    def __getattr__(self, name: str) -> object:
        return getattr(self._provider, name)


def misread(read: Callable[[ProviderReport], ProviderReport]) -> Bend:
    """Read the provider's reports as something else."""

    class Misreading(_Around):
        def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
            return read(self._provider.invoice_status(provider_invoice_id))

    return Bend(provider=lambda provider: cast(PaymentProvider, Misreading(provider)))


def taken_for_paid(wrongly: Callable[[ProviderReport], bool]) -> Bend:
    """Take some reports for ones that it is settled."""
    return misread(
        lambda report: (
            msgspec.structs.replace(report, status=ProviderStatus.SETTLED)
            if wrongly(report)
            else report
        )
    )


def not_heard(wrongly: Callable[[ProviderReport], bool]) -> Bend:
    """Take some reports for ones that decide nothing."""
    return misread(
        lambda report: (
            msgspec.structs.replace(report, status=ProviderStatus.PENDING)
            if wrongly(report)
            else report
        )
    )


def believing() -> Bend:
    """Take what a webhook claims for the truth."""
    claimed: set[str | None] = set()

    class Believing(_Around):
        def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> ProviderNotice:
            notice = self._provider.parse_webhook(headers, body)
            if notice.claim is ProviderStatus.SETTLED:
                claimed.add(notice.provider_invoice_id)
            return notice

        def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
            report = self._provider.invoice_status(provider_invoice_id)
            if provider_invoice_id not in claimed:
                return report
            return msgspec.structs.replace(report, status=ProviderStatus.SETTLED)

    return Bend(provider=lambda provider: cast(PaymentProvider, Believing(provider)))


def trusting() -> Bend:
    """Take webhooks whoever signed them."""

    class Trusting(_Around):
        def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> ProviderNotice:
            try:
                return self._provider.parse_webhook(headers, body)
            except NotAuthentic:
                return ProviderNotice(type="whatever", provider_invoice_id=None)

    return Bend(provider=lambda provider: cast(PaymentProvider, Trusting(provider)))


def drop_unique_sale(db: apsw.Connection) -> None:
    """Let a sale have more than one license, as far as the database is asked."""
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    db.pragma("writable_schema", 1)
    db.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'invoice_id TEXT UNIQUE', 'invoice_id TEXT')"
        " WHERE name = 'licenses'"
    )
    db.execute(
        "DELETE FROM sqlite_schema WHERE tbl_name = 'licenses' AND type = 'index'"
        " AND sql IS NULL AND name LIKE '%autoindex%2'"
    )
    db.pragma("writable_schema", "RESET")
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
