"""Products and policies in every store."""

from abc import ABC, abstractmethod

import msgspec
import pytest

from keysat_core.domain.entitlement import CatalogEntry
from keysat_core.domain.ids import PolicyId, ProductId
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.policy import Tip
from keysat_core.domain.product import Product
from keysat_core.errors import NotFound, SlugTaken, StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import NOW, make_policy, make_product, new_id, stored_shop

replace = msgspec.structs.replace


class CatalogContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_a_product_comes_back_whole(self, store: Store) -> None:
        shop = stored_shop(store)
        product = make_product(
            description="Two\nlines",
            price=Money(currency=Currency.EUR, amount=1_999),
            active=False,
            metadata={"nested": [1, 2.5, None, {"deep": True}], "big": 2**70},
            entitlements_catalog=(CatalogEntry(slug="pro", name="Pro", description="All"),),
            merchant_profile_id=shop.profile.id,
        )
        with store.writing() as tx:
            tx.products.put_product(product)
        with store.reading() as tx:
            assert tx.products.find_product(product.id) == product
            assert tx.products.get_product(product.id) == product
            assert tx.products.find_product_by_slug(product.slug) == product

    def test_a_product_that_is_not_there_is_not_found(self, store: Store) -> None:
        missing = ProductId(new_id())
        with store.reading() as tx:
            assert tx.products.find_product(missing) is None
            assert tx.products.find_product_by_slug("missing") is None
            with pytest.raises(NotFound):
                tx.products.get_product(missing)

    def test_putting_a_product_again_replaces_it(self, store: Store) -> None:
        product = stored_shop(store).product
        changed = replace(product, name="Another", active=False, updated_at=NOW + 1)
        with store.writing() as tx:
            tx.products.put_product(changed)
            assert tx.products.count_products() == 1
            assert tx.products.get_product(product.id) == changed

    def test_a_slug_belongs_to_one_product(self, store: Store) -> None:
        product = stored_shop(store).product
        with pytest.raises(SlugTaken) as refusal, store.writing() as tx:
            tx.products.put_product(make_product(slug=product.slug))
        assert (refusal.value.noun, refusal.value.slug) == ("product", product.slug)

    def test_a_product_cannot_take_the_slug_of_another(self, store: Store) -> None:
        one, other = stored_shop(store).product, make_product()
        with store.writing() as tx:
            tx.products.put_product(other)
        with pytest.raises(SlugTaken), store.writing() as tx:
            tx.products.put_product(replace(other, slug=one.slug))

    def test_slugs_are_compared_by_case(self, store: Store) -> None:
        with store.writing() as tx:
            tx.products.put_product(make_product(slug="tool"))
            tx.products.put_product(make_product(slug="Tool"))
        with store.reading() as tx:
            assert tx.products.find_product_by_slug("TOOL") is None

    def test_products_are_listed_in_the_byte_order_of_their_names(self, store: Store) -> None:
        names = ["b", "B", "a", "\u00e9", "10", "9", "\U0001f511", "\uffe0"]
        with store.writing() as tx:
            for name in names:
                tx.products.put_product(make_product(name=name))
        with store.reading() as tx:
            listed = tx.products.list_products(is_inactive_included=True)
        assert [product.name for product in listed] == sorted(names, key=str.encode)

    def test_products_off_sale_are_listed_on_demand(self, store: Store) -> None:
        active, inactive = make_product(name="a"), make_product(name="b", active=False)
        with store.writing() as tx:
            tx.products.put_product(active)
            tx.products.put_product(inactive)
        with store.reading() as tx:
            assert tx.products.list_products(is_inactive_included=False) == [active]
            assert tx.products.list_products(is_inactive_included=True) == [active, inactive]
            assert tx.products.count_products() == 2

    def test_products_of_one_name_are_always_listed_in_one_order(self, store: Store) -> None:
        products: list[Product] = [make_product(name="same") for _ in range(5)]
        with store.writing() as tx:
            for product in reversed(products):
                tx.products.put_product(product)
        with store.reading() as tx:
            listed = tx.products.list_products(is_inactive_included=True)
        assert listed == sorted(products, key=lambda product: product.id)

    def test_a_product_of_an_unknown_profile_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.products.put_product(make_product(merchant_profile_id=new_id()))

    def test_a_policy_comes_back_whole(self, store: Store) -> None:
        shop = stored_shop(store)
        policy = make_policy(
            shop.product,
            duration_seconds=86_400,
            grace_seconds=3_600,
            max_machines=0,
            is_trial=True,
            price_sats_override=0,
            entitlements=("pro", "beta"),
            metadata={"highlight": True},
            tip=Tip(recipient="tips@example.org", pct_bps=250, label="Thanks"),
            active=False,
            public=False,
            is_recurring=True,
            renewal_period_days=30,
            grace_period_days=0,
            trial_days=14,
            tier_rank=0,
            archived_at=NOW,
        )
        with store.writing() as tx:
            tx.policies.put_policy(policy)
        with store.reading() as tx:
            assert tx.policies.find_policy(policy.id) == policy
            assert tx.policies.get_policy(policy.id) == policy
            assert tx.policies.find_policy_by_slug(shop.product.id, policy.slug) == policy

    def test_a_policy_that_is_not_there_is_not_found(self, store: Store) -> None:
        shop = stored_shop(store)
        missing = PolicyId(new_id())
        with store.reading() as tx:
            assert tx.policies.find_policy(missing) is None
            assert tx.policies.find_policy_by_slug(shop.product.id, "missing") is None
            with pytest.raises(NotFound):
                tx.policies.get_policy(missing)

    def test_putting_a_policy_again_replaces_it(self, store: Store) -> None:
        shop = stored_shop(store)
        changed = replace(shop.policy, tip=Tip(recipient="me", pct_bps=1), name="Another")
        with store.writing() as tx:
            tx.policies.put_policy(changed)
            tx.policies.put_policy(replace(changed, tip=None))
        with store.reading() as tx:
            assert tx.policies.list_policies(shop.product.id) == [replace(changed, tip=None)]

    def test_a_slug_belongs_to_one_policy_of_a_product(self, store: Store) -> None:
        shop = stored_shop(store)
        with pytest.raises(SlugTaken) as refusal, store.writing() as tx:
            tx.policies.put_policy(make_policy(shop.product, slug=shop.policy.slug))
        assert (refusal.value.noun, refusal.value.slug) == ("policy", shop.policy.slug)

    def test_two_products_may_use_one_policy_slug(self, store: Store) -> None:
        shop, other = stored_shop(store), make_product()
        policy = make_policy(other, slug=shop.policy.slug)
        with store.writing() as tx:
            tx.products.put_product(other)
            tx.policies.put_policy(policy)
        with store.reading() as tx:
            assert tx.policies.find_policy_by_slug(other.id, policy.slug) == policy

    def test_policies_are_listed_by_name_and_only_those_of_the_product(self, store: Store) -> None:
        shop, other = stored_shop(store), make_product()
        mine = [make_policy(other, name=name) for name in ("b", "B", "a")]
        with store.writing() as tx:
            tx.products.put_product(other)
            for policy in mine:
                tx.policies.put_policy(policy)
        with store.reading() as tx:
            listed = tx.policies.list_policies(other.id)
            assert [policy.name for policy in listed] == ["B", "a", "b"]
            assert tx.policies.count_policies(other.id) == 3
            assert tx.policies.count_policies(shop.product.id) == 1
            assert tx.policies.list_policies(ProductId(new_id())) == []

    def test_a_policy_of_an_unknown_product_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.policies.put_policy(make_policy())
