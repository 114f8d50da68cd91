"""The store as a whole, the exchange of its key, and old deliveries, in every store."""

from abc import ABC, abstractmethod
from typing import Any

import msgspec
import pytest

from keysat_core.domain.database_info import RowCounts
from keysat_core.domain.ids import DeliveryId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_delivery import DeliveryStatus
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    later,
    make_audit,
    make_endpoint,
    make_event,
    make_invoice,
    make_license,
    make_machine,
    stored_shop,
)

replace = msgspec.structs.replace

NOTHING = RowCounts(**dict.fromkeys(RowCounts.__struct_fields__, 0))


def delivery(store: Store, status: DeliveryStatus, age: int) -> DeliveryId:
    """Put a delivery that was made so many seconds ago."""
    finished: dict[str, Any] = {"status": status, "attempts": 1, "created_at": Instant(NOW - age)}
    if status is not DeliveryStatus.QUEUED:
        finished["next_attempt_at"] = None
    if status is DeliveryStatus.DELIVERED:
        finished["delivered_at"] = NOW
    event = make_event()
    with store.writing() as tx:
        endpoint = make_endpoint()
        tx.webhooks.put_endpoint(endpoint)
        tx.trail.append_event(event)
        (queued,) = tx.deliveries.list_queued(endpoint.id, 9)
        tx.deliveries.put_deliveries([replace(queued, **finished)])
        tx.webhooks.put_endpoint(replace(endpoint, active=False))
    return queued.id


class StatisticsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_a_new_store_has_no_rows_and_was_never_written_to(self, store: Store) -> None:
        with store.reading() as tx:
            info = tx.statistics.database_info()
        assert info.counts == NOTHING
        assert info.last_write_at is None
        assert info.size_bytes is not None
        assert info.size_bytes > 0
        assert info.schema_version >= 13

    def test_rows_are_counted_by_what_they_are(self, store: Store) -> None:
        shop = stored_shop(store)
        licenses = [make_license(shop.product) for _ in range(5)]
        with store.writing() as tx:
            for invoice in (make_invoice(shop.product) for _ in range(3)):
                tx.invoices.put_invoice(invoice)
            for status in (InvoiceStatus.EXPIRED, InvoiceStatus.INVALID):
                tx.invoices.put_invoice(make_invoice(shop.product, status=status))
            settled = make_invoice(
                shop.product, status=InvoiceStatus.SETTLED, settled_at=NOW, effect_at=NOW
            )
            tx.invoices.put_invoice(settled)
            for license in licenses:
                tx.licenses.put_license(license)
            tx.licenses.put_license(replace(licenses[0], status=LicenseStatus.REVOKED))
            tx.licenses.put_license(replace(licenses[1], status=LicenseStatus.SUSPENDED))
            machines = [make_machine(licenses[2]) for _ in range(3)]
            for machine in machines:
                tx.machines.put_machine(machine)
            tx.machines.put_machine(replace(machines[0], deactivated_at=NOW))
            tx.trail.append_audits([make_audit(), make_audit()])
        with store.reading() as tx:
            counts = tx.statistics.database_info().counts
        assert counts == RowCounts(
            products=1,
            policies=1,
            licenses_total=5,
            licenses_active=3,
            invoices_total=6,
            invoices_settled=1,
            machines_active=2,
            discount_codes=0,
            audit_log=2,
        )

    def test_the_last_write_is_the_newest_of_audit_rows_events_licenses_and_invoices(
        self, store: Store
    ) -> None:
        shop = stored_shop(store)

        def newest() -> int | None:
            with store.reading() as tx:
                return tx.statistics.database_info().last_write_at

        with store.writing() as tx:
            tx.invoices.put_invoice(make_invoice(shop.product, created_at=later(1)))
        assert newest() == NOW + 1
        with store.writing() as tx:
            tx.licenses.put_license(make_license(shop.product, issued_at=later(2)))
        assert newest() == NOW + 2
        with store.writing() as tx:
            tx.trail.append_event(replace(make_event(), occurred_at=later(3)))
        assert newest() == NOW + 3
        with store.writing() as tx:
            tx.trail.append_audit(replace(make_audit(), occurred_at=later(4)))
        assert newest() == NOW + 4

    def test_a_key_takes_the_place_of_the_one_before(self, store: Store) -> None:
        with store.writing() as tx:
            tx.settings.put_signing_key_pem(Secret("private"), "public", NOW)
            tx.settings.replace_signing_key_pem(Secret("other"), "its public", NOW)
        with store.reading() as tx:
            assert tx.settings.find_signing_key_pem() == (Secret("other"), "its public")

    def test_a_key_may_be_put_where_there_is_none(self, store: Store) -> None:
        with store.writing() as tx:
            tx.settings.replace_signing_key_pem(Secret("private"), "public", NOW)
        with store.reading() as tx:
            assert tx.settings.find_signing_key_pem() == (Secret("private"), "public")

    def test_old_deliveries_go_when_they_are_finished(self, store: Store) -> None:
        old = [delivery(store, status, 100) for status in DeliveryStatus]
        young = [delivery(store, status, 50) for status in DeliveryStatus]
        with store.writing() as tx:
            assert tx.deliveries.purge_deliveries(Instant(NOW - 50), 9, ahead=later(1)) == 2
            assert tx.deliveries.purge_deliveries(Instant(NOW - 50), 9, ahead=later(1)) == 0
        with store.reading() as tx:
            left = {one.id: one.status for one in tx.deliveries.find_deliveries([*old, *young])}
        assert sorted(left.values()) == sorted(
            [*(status for status in DeliveryStatus), DeliveryStatus.QUEUED]
        )

    def test_no_more_of_a_kind_are_looked_at_than_asked_for(self, store: Store) -> None:
        ids = [delivery(store, DeliveryStatus.DEAD, 100 - number) for number in range(3)]
        with store.writing() as tx:
            assert tx.deliveries.purge_deliveries(NOW, 2, ahead=later(1)) == 2
            (left,) = tx.deliveries.find_deliveries(ids)
            assert left.id == ids[2]
            assert tx.deliveries.purge_deliveries(NOW, -1, ahead=later(1)) == 0

    def test_deliveries_of_a_clock_that_was_ahead_do_not_hide_old_ones(self, store: Store) -> None:
        ahead = [delivery(store, DeliveryStatus.DELIVERED, -9_000) for _ in range(2)]
        waiting = delivery(store, DeliveryStatus.QUEUED, -9_000)
        old = delivery(store, DeliveryStatus.DELIVERED, 100)
        with store.writing() as tx:
            for _ in range(2):
                tx.deliveries.purge_deliveries(Instant(NOW - 50), 2, ahead=later(8_000))
            (left,) = tx.deliveries.find_deliveries([*ahead, waiting, old])
            assert left.id == waiting
