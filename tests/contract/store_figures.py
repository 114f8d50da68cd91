"""Figures that are kept by day, and looking for anything, in every store."""

from abc import ABC, abstractmethod

import msgspec
import pytest

from keysat_core.domain.figures import Days, next_days
from keysat_core.domain.ids import InvoiceId, LicenseId, MachineId, PolicyId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.search import Hit, HitKind, Needle, read_needle
from keysat_core.domain.subscription import SubscriptionStatus
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    make_invoice,
    make_license,
    make_machine,
    make_policy,
    make_product,
    stored_shop,
)
from tests.support.codes import make_code
from tests.support.subscriptions import stored_subscription

replace = msgspec.structs.replace

DAY = NOW // DAY_SECONDS
EVER = Days(0, DAY + 1_000)


def at(day: int) -> Instant:
    """Give an instant of a day, counted from today."""
    return Instant((DAY + day) * DAY_SECONDS + 7)


def needle(text: str) -> Needle:
    found = read_needle(text)
    assert found is not None
    return found


def titles(hits: list[Hit]) -> list[str]:
    return [hit.title for hit in hits]


class FiguresContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_only_the_products_that_earned_most_are_told_apart(self, store: Store) -> None:
        shop = stored_shop(store)
        others = [make_product(), make_product()]
        sales = [(shop.product, 0, 900), (shop.product, 0, 0), (shop.product, -1, 100)]
        sales += [(others[0], 0, 300), (others[1], 0, 200), (others[1], -40, 9_999)]
        with store.writing() as tx:
            for product in others:
                tx.products.put_product(product)
            for product, day, sats in sales:
                sold = {"status": InvoiceStatus.SETTLED, "settled_at": at(day)}
                tx.invoices.put_invoice(make_invoice(product, amount_sats=sats, **sold))
            tx.invoices.put_invoice(make_invoice(shop.product))
        with store.reading() as tx:
            found = tx.figures.list_product_days(Days(DAY - 6, DAY + 1), 1)
            whole = tx.figures.list_product_days(Days(DAY - 6, DAY + 1), 9)
        ours = shop.product.id
        assert found[0] == (DAY - 1, ours, 1, 100)
        assert set(found[1:]) == {(DAY, ours, 1, 900), (DAY, None, 2, 500)}
        assert {one.product_id for one in whole} == {ours, *(one.id for one in others)}

    def test_licenses_come_and_go_by_day(self, store: Store) -> None:
        shop = stored_shop(store)
        licenses = [make_license(shop.product, issued_at=at(day)) for day in (-3, -3, 0)]
        gone = replace(licenses[0], status=LicenseStatus.REVOKED, revoked_at=at(-1))
        with store.writing() as tx:
            for license in (*licenses, gone):
                tx.licenses.put_license(license)
        with store.reading() as tx:
            assert tx.figures.list_license_days(EVER) == [
                (DAY - 3, 2, 0),
                (DAY - 1, 0, 1),
                (DAY, 1, 0),
            ]
            assert tx.figures.list_license_days(Days(DAY - 2, DAY)) == [(DAY - 1, 0, 1)]
            assert tx.figures.count_active_licenses() == {shop.product.id: 2}

    def test_active_subscriptions_fall_due_and_bring_their_price(self, store: Store) -> None:
        shop = stored_shop(store)
        dollars = Money(currency=Currency.USD, amount=900)
        for day, listed, period in ((-2, dollars, 30), (0, dollars, 365), (29, dollars, 30)):
            stored_subscription(
                store, shop, next_renewal_at=at(day), listed=listed, period_days=period
            )
        stored_subscription(store, shop, next_renewal_at=at(30))
        late = stored_subscription(store, shop, next_renewal_at=at(-1), listed=dollars)
        with store.writing() as tx:
            tx.subscriptions.put_subscription(replace(late, status=SubscriptionStatus.PAST_DUE))
        with store.reading() as tx:
            assert tx.figures.list_renewal_days(next_days(NOW, 30)) == [
                (DAY, "USD", 2, 1_800),
                (DAY + 29, "USD", 1, 900),
            ]
            assert tx.figures.list_recurring_prices() == [
                ("SAT", 30, 1, 50_000),
                ("USD", 30, 2, 1_800),
                ("USD", 365, 1, 900),
            ]
            assert tx.figures.count_live_subscriptions() == 5

    def test_subscriptions_begin_and_end_by_day(self, store: Store) -> None:
        shop = stored_shop(store)
        kept = [
            stored_subscription(store, shop, started_at=at(-50), next_renewal_at=at(-20))
            for _ in range(3)
        ]
        cancelled = {"status": SubscriptionStatus.CANCELLED, "cancelled_at": at(-1)}
        with store.writing() as tx:
            lapsed = replace(kept[0], status=SubscriptionStatus.LAPSED, next_action_at=None)
            tx.subscriptions.put_subscription(lapsed)
            tx.subscriptions.put_subscription(replace(kept[1], next_action_at=None, **cancelled))
        with store.reading() as tx:
            # A lapse is on the day its grace of a week was over.
            assert tx.figures.subscription_flow(Days(DAY - 13, DAY - 12)) == (0, 1)
            assert tx.figures.subscription_flow(Days(DAY - 13, DAY + 1)) == (0, 2)
            assert tx.figures.subscription_flow(EVER) == (3, 2)
            assert tx.figures.count_live_subscriptions() == 1

    def test_licenses_and_invoices_are_found_by_how_an_id_begins(self, store: Store) -> None:
        shop = stored_shop(store)
        beginning = "0123456789ab4def8000"
        spelled = "01234567-89ab-4def-8000-"
        with store.writing() as tx:
            for number in range(12):
                id_ = f"{spelled}{number:012d}"
                license = make_license(shop.product, id=LicenseId(id_), buyer_email="Ada@x.example")
                tx.licenses.put_license(license)
                there = {"provider_invoice_id": f"ThereIsOne{number}"}
                tx.invoices.put_invoice(make_invoice(shop.product, id=InvoiceId(id_), **there))
            tx.licenses.put_license(
                make_license(
                    shop.product, id=LicenseId(spelled[:9] + "ffff" + spelled[13:] + "0" * 12)
                )
            )
        with store.reading() as tx:
            found = tx.search.find_licenses(needle(beginning.upper()).id_beginning or "", 8)
            assert [hit.id for hit in found] == [f"{spelled}{number:012d}" for number in range(8)]
            assert found[0].detail == f"{shop.product.slug} · active · Ada@x.example"
            (one,) = tx.search.find_licenses(f"{spelled}{3:012d}", 8)
            assert one.kind is HitKind.LICENSE
            assert len(tx.search.find_invoices(needle(spelled), 8)) == 8
            (there_too,) = tx.search.find_invoices(needle("ThereIsOne11"), 8)
            assert there_too.id == f"{spelled}{11:012d}"
            assert tx.search.find_invoices(needle("thereIsOne11"), 8) == []
            assert tx.search.find_invoices(needle("ThereI"), 8) == []
            assert len(tx.search.find_invoices(needle("ThereIsO"), 8)) == 8

    def test_each_buyer_is_found_once_whether_they_paid_or_not(self, store: Store) -> None:
        shop = stored_shop(store)
        with store.writing() as tx:
            for number in range(3):
                for name in ("Ada", "adele", "Bob"):
                    license = make_license(shop.product, buyer_email=f"{name}@x.example")
                    tx.licenses.put_license(license)
                unpaid = make_invoice(shop.product, buyer_email=f"adz{number}@x.example")
                tx.invoices.put_invoice(unpaid)
        with store.reading() as tx:
            found = tx.search.find_buyers("AD", 4)
            assert titles(found) == [
                "ada@x.example",
                "adele@x.example",
                "adz0@x.example",
                "adz1@x.example",
            ]
            assert [hit.detail for hit in found[1:3]] == ["3 licenses", "0 licenses"]
            assert tx.search.find_buyers("c", 4) == []
            assert len(tx.search.find_buyers("", 99)) == 6

    def test_machines_are_found_by_id_fingerprint_and_host(self, store: Store) -> None:
        shop = stored_shop(store)
        license = make_license(shop.product)
        machine = make_machine(license, fingerprint="disk-serial", hostname="Ada-Laptop")
        others = [
            make_machine(license, id=MachineId(f"{number}"), hostname=None) for number in "ab"
        ]
        with store.writing() as tx:
            tx.licenses.put_license(license)
            for one in (machine, *others):
                tx.machines.put_machine(one)
        hash_ = machine.fingerprint_hash
        with store.reading() as tx:
            for text in (machine.id, hash_, hash_[:8], hash_[:40], "disk-serial", "ADA-lap"):
                (found,) = tx.search.find_machines(needle(text), 8)
                assert (found.id, found.title) == (machine.id, "Ada-Laptop"), text
                assert found.license_id == license.id
            assert tx.search.find_machines(needle(hash_[:39] + "x"), 8) == []
            assert tx.search.find_machines(needle("disk-serial2"), 8) == []

    def test_what_is_sold_is_found_by_slug_and_name(self, store: Store) -> None:
        stored_shop(store)
        product = make_product(slug="editor-one", name="Text Editor")
        policy = make_policy(product, slug="team", name="Whole Team")
        code = make_code(code="SUMMER", description="beach", active=False)
        with store.writing() as tx:
            tx.products.put_product(product)
            tx.policies.put_policy(policy)
            tx.policies.put_policy(make_policy(product, slug="solo", id=PolicyId("solo")))
            tx.codes.put_code(code)
        with store.reading() as tx:
            for text in ("EDITOR", "text e"):
                (found,) = tx.search.find_products(text, 8)
                assert found == Hit(HitKind.PRODUCT, product.id, "editor-one", "Text Editor")
            for text in ("te", "whole"):
                (found,) = tx.search.find_policies(text, 8)
                assert found == Hit(HitKind.POLICY, policy.id, "editor-one/team", "Whole Team")
            (found,) = tx.search.find_codes(" sum", 8)
            assert found == Hit(HitKind.CODE, code.id, "SUMMER", "beach · disabled")
            assert tx.search.find_products("ditor", 8) == []
