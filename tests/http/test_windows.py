"""Sums and counts of a time. Source: admin-api 2.6, B-17."""

from collections.abc import Iterator

import pytest

from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import InvoiceStatus
from tests.support.builders import make_invoice, make_license
from tests.support.http import START
from tests.support.shop import Shop, running_shop

DAY = 86_400


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as shop:
        shop.add_product()
        yield shop


def settled(shop: Shop, *ages: int) -> None:
    with shop.ports.store.writing() as tx:
        product = tx.products.list_products(is_inactive_included=True)[0]
        for sats, age in enumerate(ages, start=1):
            at = Instant(START - age)
            invoice = make_invoice(
                product,
                status=InvoiceStatus.SETTLED,
                amount_sats=sats,
                provider_account_id=None,
                provider_invoice_id=None,
                created_at=at,
                updated_at=at,
                settled_at=at,
                effect_at=at,
            )
            tx.invoices.put_invoice(invoice)


def test_a_rolling_day_is_exactly_a_day_and_not_one_from_midnight_b17(shop: Shop) -> None:
    # It is eight in the morning: from midnight of the day before these would all be within a day.
    settled(shop, 0, DAY - 1, DAY, 7 * DAY - 1, 7 * DAY, 30 * DAY - 1, 30 * DAY)
    found = shop.admin("GET", "/revenue/summary")
    assert found == {
        "total_sats": 28,
        "last_24h_sats": 1 + 2,
        "last_7d_sats": 1 + 2 + 3 + 4,
        "last_30d_sats": 21,
        "settled_paid_invoice_count": 7,
    }
    with shop.ports.store.writing() as tx:
        product = tx.products.list_products(is_inactive_included=True)[0]
        ages = (0, DAY - 1, DAY, 7 * DAY - 1, 7 * DAY)
        tx.licenses.add_licenses(
            [make_license(product, issued_at=Instant(START - age)) for age in ages]
        )
    counted = shop.admin("GET", "/licenses/summary")
    assert (counted["total"], counted["last_24h"], counted["last_7d"]) == (5, 2, 4)


def test_revenue_of_any_time_is_added_up_to_the_second(shop: Shop) -> None:
    # 1 sat now, then 2, 4, 5 … at ages that lie in different days and in the same.
    settled(shop, 0, 10, 8 * 3_600 - 1, 8 * 3_600, 8 * 3_600 + 1, 3 * DAY, 9 * DAY)

    def window(**query: str) -> tuple[int, int]:
        found = shop.admin("GET", "/revenue/summary", params=query)["window"]
        return found["total_sats"], found["settled_paid_invoice_count"]

    assert window(since="1970-01-01T00:00:00Z") == (28, 7)
    assert window(since="2027-01-15T00:00:00Z") == (1 + 2 + 3 + 4, 4)
    assert window(since="2027-01-15T00:00:01Z") == (1 + 2 + 3, 3)
    assert window(until="2027-01-15T00:00:00Z") == (5 + 6 + 7, 3)
    assert window(since="2027-01-14T23:59:59Z", until="2027-01-15T00:00:01Z") == (4 + 5, 2)
    assert window(since="2027-01-15T07:59:50Z", until="2027-01-15T08:00:00Z") == (2, 1)
    assert window(since="2027-01-15T09:59:50+02:00") == (3, 2)
    assert window(since="2027-01-12T08:00:00Z", until="2027-01-13T00:00:00Z") == (6, 1)
    assert window(since="2028-01-01T00:00:00Z") == (0, 0)
    assert window(since="2027-01-15T08:00:00Z", until="2027-01-15T08:00:00Z") == (0, 0)
    refused = shop.admin("GET", "/revenue/summary?since=today", ok=False)
    assert refused.status_code == 400
