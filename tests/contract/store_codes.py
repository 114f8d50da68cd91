"""Discount codes and their uses in every store."""

from abc import ABC, abstractmethod
from typing import Any

import msgspec
import pytest

from keysat_core.domain.attribution import Attribution
from keysat_core.domain.code import Code, CodeDuration, CodeKind
from keysat_core.domain.ids import CodeId, RedemptionId
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.money import Currency
from keysat_core.domain.redemption import Redemption, RedemptionStatus
from keysat_core.errors import NotFound, SlugTaken, StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    Shop,
    later,
    make_invoice,
    make_license,
    make_policy,
    make_product,
    new_id,
    stored_shop,
)
from tests.support.codes import make_code, make_redemption, stored_code

replace = msgspec.structs.replace

PENDING, REDEEMED = RedemptionStatus.PENDING, RedemptionStatus.REDEEMED
CANCELLED = RedemptionStatus.CANCELLED


def invoiced(store: Store, shop: Shop, **fields: Any) -> Invoice:
    invoice = make_invoice(shop.product, **fields)
    with store.writing() as tx:
        tx.invoices.put_invoice(invoice)
    return invoice


def used(store: Store, shop: Shop, code: Code, seconds: int = 0, **fields: Any) -> Redemption:
    """Store a use of a code, with an invoice of its own, made and changed at one instant."""
    at = later(seconds)
    redemption = make_redemption(
        code, invoiced(store, shop), **({"created_at": at, "updated_at": at} | fields)
    )
    with store.writing() as tx:
        tx.codes.put_redemption(redemption)
    return redemption


def held(store: Store, shop: Shop, code: Code, seconds: int, **fields: Any) -> Redemption:
    """Store a pending use, with an invoice that was opened at the same instant."""
    at = later(seconds)
    invoice = invoiced(store, shop, created_at=at, **fields)
    redemption = make_redemption(code, invoice, created_at=at)
    with store.writing() as tx:
        tx.codes.put_redemption(redemption)
    return redemption


class CodesContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    # --- codes ----------------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", CodeKind)
    def test_a_code_comes_back_equal(self, store: Store, kind: CodeKind) -> None:
        shop = stored_shop(store)
        amount = 0 if kind is CodeKind.FREE_LICENSE else 1_234
        bare = make_code(kind=kind, amount=amount)
        full = make_code(
            kind=kind,
            amount=amount,
            currency=Currency.USD,
            duration=CodeDuration.FOREVER,
            max_uses=7,
            used_count=9,
            expires_at=later(60),
            product_id=shop.product.id,
            policy_ids=(shop.policy.id,),
            referrer_label="Ada ₿",
            description="For friends",
            active=False,
            featured=True,
            updated_at=later(1),
        )
        for code in (bare, full):
            with store.writing() as tx:
                tx.codes.put_code(code)
            with store.reading() as tx:
                assert tx.codes.get_code(code.id) == code
                assert tx.codes.find_code_by_text(code.code) == code

    def test_a_changed_code_replaces_what_was_there(self, store: Store) -> None:
        code = stored_code(store, max_uses=3, expires_at=NOW, referrer_label="Ada")
        changed = replace(
            code, code="OTHER", used_count=2, max_uses=None, expires_at=None, referrer_label=None
        )
        with store.writing() as tx:
            tx.codes.put_code(changed)
        with store.reading() as tx:
            assert tx.codes.get_code(code.id) == changed
            assert tx.codes.find_code_by_text(code.code) is None
            assert tx.codes.count_codes(is_inactive_included=True) == 1

    def test_what_is_not_there_is_not_found(self, store: Store) -> None:
        invoice = invoiced(store, stored_shop(store))
        with store.reading() as tx:
            assert tx.codes.find_code_by_text("NOBODYS") is None
            assert tx.codes.find_redemption(RedemptionId(new_id())) is None
            assert tx.codes.find_redemption_of(invoice.id) is None
            with pytest.raises(NotFound):
                tx.codes.get_code(CodeId(new_id()))

    def test_a_code_is_looked_for_as_it_is_spelled(self, store: Store) -> None:
        stored_code(store, code="SAVE")
        with store.reading() as tx:
            assert tx.codes.find_code_by_text("save") is None
            assert tx.codes.find_code_by_text("SAV_") is None

    def test_a_spelling_belongs_to_one_code(self, store: Store) -> None:
        first = stored_code(store, code="SAVE")
        with pytest.raises(SlugTaken), store.writing() as tx:
            tx.codes.put_code(make_code(code="SAVE"))
        other = stored_code(store)
        with pytest.raises(SlugTaken), store.writing() as tx:
            tx.codes.put_code(replace(other, code="SAVE"))
        with store.reading() as tx:
            assert tx.codes.find_code_by_text("SAVE") == first

    def test_a_code_for_a_product_that_is_not_there_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.codes.put_code(make_code(product_id=make_product().id))

    # --- pages ----------------------------------------------------------------------------------

    def test_codes_are_listed_newest_first(self, store: Store) -> None:
        first, third, second = (stored_code(store, created_at=later(n)) for n in (1, 3, 2))
        off = stored_code(store, created_at=later(4), active=False)
        with store.reading() as tx:
            listed = tx.codes.list_codes
            assert listed(is_inactive_included=False, limit=9, offset=0) == [third, second, first]
            assert listed(is_inactive_included=True, limit=2, offset=0) == [off, third]
            assert listed(is_inactive_included=True, limit=2, offset=2) == [second, first]
            assert listed(is_inactive_included=True, limit=-1, offset=-1) == []
            assert tx.codes.count_codes(is_inactive_included=False) == 3
            assert tx.codes.count_codes(is_inactive_included=True) == 4

    def test_codes_of_one_instant_are_listed_once_each(self, store: Store) -> None:
        codes = {stored_code(store).id for _ in range(5)}
        with store.reading() as tx:
            pages = [
                code.id
                for offset in range(0, 6, 2)
                for code in tx.codes.list_codes(is_inactive_included=False, limit=2, offset=offset)
            ]
        assert len(pages) == 5
        assert set(pages) == codes

    def test_featured_codes_are_those_that_may_be_used_now(self, store: Store) -> None:
        shop, other = stored_shop(store), make_product()
        with store.writing() as tx:
            tx.products.put_product(other)
        own = stored_code(
            store,
            featured=True,
            product_id=shop.product.id,
            policy_ids=(shop.policy.id,),
            created_at=later(2),
        )
        anybodys = stored_code(store, featured=True, created_at=later(1), expires_at=later(1))
        nearly = stored_code(store, featured=True, created_at=later(3), max_uses=2, used_count=1)
        for unfit in (
            {"featured": False},
            {"active": False},
            {"expires_at": NOW},
            {"max_uses": 2, "used_count": 2},
            {"max_uses": 2, "used_count": 3},
            {"product_id": other.id},
        ):
            stored_code(store, **({"featured": True} | unfit))
        with store.reading() as tx:
            assert tx.codes.list_featured(shop.product.id, NOW) == [anybodys, own, nearly]
            assert tx.codes.list_featured(shop.product.id, later(1)) == [own, nearly]

    # --- uses -----------------------------------------------------------------------------------

    @pytest.mark.parametrize("status", RedemptionStatus)
    def test_a_use_comes_back_equal(self, store: Store, status: RedemptionStatus) -> None:
        shop = stored_shop(store)
        invoice = invoiced(store, shop)
        license = make_license(shop.product, invoice_id=invoice.id)
        pending = make_redemption(stored_code(store), invoice)
        changed = replace(
            pending, status=status, license_id=license.id, updated_at=later(5), final_price_sats=0
        )
        with store.writing() as tx:
            tx.licenses.put_license(license)
            tx.codes.put_redemption(pending)
        with store.reading() as tx:
            assert tx.codes.find_redemption(pending.id) == pending
        with store.writing() as tx:
            tx.codes.put_redemption(changed)
        with store.reading() as tx:
            assert tx.codes.find_redemption(pending.id) == changed
            assert tx.codes.find_redemption_of(invoice.id) == changed

    def test_an_invoice_has_one_use_at_most(self, store: Store) -> None:
        shop = stored_shop(store)
        code, other = stored_code(store), stored_code(store)
        invoice = invoiced(store, shop)
        first = make_redemption(code, invoice, status=CANCELLED)
        with store.writing() as tx:
            tx.codes.put_redemption(first)
        for of in (code, other):
            with pytest.raises(StoreUnavailable), store.writing() as tx:
                tx.codes.put_redemption(make_redemption(of, invoice))
        with store.reading() as tx:
            assert tx.codes.find_redemption_of(invoice.id) == first

    def test_there_is_no_use_without_its_code_and_its_invoice(self, store: Store) -> None:
        shop = stored_shop(store)
        code, invoice = stored_code(store), invoiced(store, shop)
        for orphan in (
            make_redemption(make_code(), invoice),
            make_redemption(code, make_invoice(shop.product)),
            make_redemption(code, invoice, license_id=make_license(shop.product).id),
        ):
            with pytest.raises(StoreUnavailable), store.writing() as tx:
                tx.codes.put_redemption(orphan)

    def test_uses_are_listed_newest_first(self, store: Store) -> None:
        shop, code = stored_shop(store), stored_code(store)
        first, third, second = (used(store, shop, code, n) for n in (1, 3, 2))
        used(store, shop, stored_code(store))
        with store.reading() as tx:
            assert tx.codes.list_redemptions(code.id, 9) == [third, second, first]
            assert tx.codes.list_redemptions(code.id, 2) == [third, second]
            assert tx.codes.list_redemptions(code.id, -1) == []

    @pytest.mark.parametrize("status", RedemptionStatus)
    def test_a_code_that_was_used_stays(self, store: Store, status: RedemptionStatus) -> None:
        shop, code = stored_shop(store), stored_code(store)
        used(store, shop, code, status=status)
        with store.reading() as tx:
            assert tx.codes.count_redemptions(code.id) == 1
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.codes.remove_code(code.id)
        with store.reading() as tx:
            assert tx.codes.get_code(code.id) == code

    def test_a_code_that_was_never_used_goes(self, store: Store) -> None:
        code, other = stored_code(store), stored_code(store)
        with store.writing() as tx:
            assert tx.codes.count_redemptions(code.id) == 0
            tx.codes.remove_code(code.id)
        with store.reading() as tx:
            assert tx.codes.find_code_by_text(code.code) is None
            assert tx.codes.get_code(other.id) == other

    # --- uses that are held ---------------------------------------------------------------------

    @pytest.mark.defects("D17")
    def test_uses_are_held_by_what_ended_or_waits_since_long(self, store: Store) -> None:
        shop, code = stored_shop(store), stored_code(store)
        waits = held(store, shop, code, 0)
        ended = held(store, shop, code, 20, status=InvoiceStatus.EXPIRED)
        invalid = held(store, shop, code, 10, status=InvoiceStatus.INVALID)
        held(store, shop, code, 1)
        held(store, shop, code, -9, status=InvoiceStatus.SETTLED)
        with store.reading() as tx:
            assert tx.codes.list_held(NOW, 9) == [waits.id, invalid.id, ended.id]
            assert tx.codes.list_held(NOW, 2) == [waits.id, invalid.id]
            assert tx.codes.list_held(later(-1), 9) == [invalid.id, ended.id]
            assert tx.codes.list_held(NOW, -1) == []

    @pytest.mark.defects("D17")
    @pytest.mark.parametrize("said", ["Processing", "PROCESSING", "processing (paid over)"])
    def test_a_payment_under_way_keeps_its_use(self, store: Store, said: str) -> None:
        shop, code = stored_shop(store), stored_code(store)
        held(store, shop, code, -9, provider_status_raw=said)
        told = held(store, shop, code, -8, provider_status_raw="New")
        late = held(store, shop, code, -7, provider_status_raw=said, status=InvoiceStatus.EXPIRED)
        with store.reading() as tx:
            assert tx.codes.list_held(NOW, 9) == [told.id, late.id]

    @pytest.mark.parametrize("status", [REDEEMED, CANCELLED])
    def test_only_pending_uses_are_held(self, store: Store, status: RedemptionStatus) -> None:
        shop, code = stored_shop(store), stored_code(store)
        kept = held(store, shop, code, 0, status=InvoiceStatus.EXPIRED)
        with store.writing() as tx:
            tx.codes.put_redemption(replace(kept, status=status))
            assert tx.codes.list_held(NOW, 9) == []

    # --- what codes brought ---------------------------------------------------------------------

    def test_redeemed_uses_are_added_up_by_code(self, store: Store) -> None:
        shop = stored_shop(store)
        poor, rich = stored_code(store, code="POOR"), stored_code(store, referrer_label="Ada")
        used(store, shop, poor, status=REDEEMED)
        used(
            store,
            shop,
            poor,
            status=REDEEMED,
            final_price_sats=0,
            discount_applied_sats=0,
            base_price_sats=0,
        )
        used(store, shop, rich, status=REDEEMED)
        used(store, shop, rich, status=REDEEMED, final_price_sats=1)
        for status in (PENDING, CANCELLED):
            used(store, shop, poor, status=status)
        stored_code(store)
        with store.reading() as tx:
            assert tx.codes.attribute_sales(None, None) == [
                Attribution(
                    code_id=rich.id,
                    code=rich.code,
                    referrer_label="Ada",
                    redemptions=2,
                    paid_redemptions=2,
                    discount_applied_sats=10_000,
                    revenue_sats=45_001,
                ),
                Attribution(
                    code_id=poor.id,
                    code="POOR",
                    referrer_label=None,
                    redemptions=2,
                    paid_redemptions=1,
                    discount_applied_sats=5_000,
                    revenue_sats=45_000,
                ),
            ]

    def test_codes_with_the_same_revenue_are_told_by_their_spelling(self, store: Store) -> None:
        shop = stored_shop(store)
        for text in ("B", "A", "C"):
            used(store, shop, stored_code(store, code=text), status=REDEEMED)
        with store.reading() as tx:
            told = tx.codes.attribute_sales(None, None)
        assert [one.code for one in told] == ["A", "B", "C"]

    def test_a_use_counts_when_it_was_redeemed(self, store: Store) -> None:
        shop, code = stored_shop(store), stored_code(store)
        used(store, shop, code, -50, status=REDEEMED, updated_at=NOW)
        with store.reading() as tx:
            told = tx.codes.attribute_sales
            assert [one.redemptions for one in told(NOW, later(1))] == [1]
            assert told(later(1), None) == []
            assert told(None, NOW) == []
            assert told(later(-60), later(-40)) == []

    def test_a_code_may_be_for_a_tier_that_is_gone(self, store: Store) -> None:
        shop = stored_shop(store)
        gone = make_policy(shop.product)
        code = stored_code(store, product_id=shop.product.id, policy_ids=(gone.id,))
        with store.reading() as tx:
            assert tx.codes.get_code(code.id) == code
