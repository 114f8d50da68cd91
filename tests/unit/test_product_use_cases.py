"""Products: who may create how many, what is refused in which order, what deleting takes along."""

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from keysat_core.domain.actor import Actor, Scope
from keysat_core.domain.entitlement import CatalogEntry
from keysat_core.domain.ids import MerchantProfileId, ProductId
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.product import PriceInput, Product
from keysat_core.domain.self_license import SelfLicense
from keysat_core.errors import (
    Forbidden,
    InvariantError,
    KeysatError,
    NotFound,
    SlugTaken,
    StillReferenced,
    TierCapReached,
)
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from keysat_core.use_cases.products.delete_product import (
    DeletedProduct,
    DeleteProduct,
    delete_product,
)
from keysat_core.use_cases.products.list_products import (
    find_product_id,
    list_catalog,
    list_products,
    list_tiers,
    show_catalog_product,
    show_product,
)
from keysat_core.use_cases.products.update_product import UpdateProduct, update_product
from tests.support.builders import make_product, make_profile
from tests.support.trade import (
    CREATOR,
    OPERATOR,
    PATRON,
    Trade,
    data_of,
    open_trade,
    operator_without,
)

SATS = PriceInput(price_sats=100)
CATALOG = (CatalogEntry(slug="pro", name="Pro", description="All of it"),)


@pytest.fixture
def trade() -> Trade:
    return open_trade()


def create(
    trade: Trade,
    *,
    actor: Actor = OPERATOR,
    self_license: SelfLicense = PATRON,
    **fields: Any,
) -> Product:
    ordinary: dict[str, Any] = {"slug": "new", "name": "New", "price": SATS}
    return create_product(
        actor,
        CreateProduct(**(ordinary | fields)),
        store=trade.store,
        clock=trade.clock,
        ids=trade.ids,
        self_license=self_license,
    )


def update(trade: Trade, product_id: ProductId | None = None, **fields: Any) -> Product:
    command = UpdateProduct(product_id=product_id or trade.shop.product.id, **fields)
    return update_product(OPERATOR, command, store=trade.store, clock=trade.clock, ids=trade.ids)


def delete(trade: Trade, product_id: ProductId, *, is_forced: bool = False) -> DeletedProduct:
    command = DeleteProduct(product_id=product_id, is_forced=is_forced)
    return delete_product(OPERATOR, command, store=trade.store, clock=trade.clock, ids=trade.ids)


def stored(trade: Trade, product_id: ProductId) -> Product:
    return show_product(OPERATOR, product_id, store=trade.store)


# --- create -------------------------------------------------------------------------------------


def test_a_new_product_is_stored_active_audited_and_told(trade: Trade) -> None:
    product = create(
        trade,
        description="About it",
        price=PriceInput(price_currency="usd", price_value=4900),
        metadata={"a": [1]},
        entitlements_catalog=CATALOG,
        merchant_profile_id=trade.shop.profile.id,
    )
    assert stored(trade, product.id) == product
    assert product.active
    assert product.price == Money(currency=Currency.USD, amount=4900)
    assert product.created_at == product.updated_at == trade.clock.now()
    (audit,) = trade.audits("product.create")
    assert audit.target_id == product.id
    assert audit.details == {
        "slug": "new",
        "name": "New",
        "price_sats": 0,
        "price_currency": "USD",
        "price_value": 4900,
    }
    (event,) = trade.events("product.created")
    assert event.is_published
    assert data_of(event)["product"] == {
        "id": product.id,
        "slug": "new",
        "name": "New",
        "description": "About it",
        "price_sats": 0,
        "price_currency": "USD",
        "price_value": 4900,
        "active": True,
        "metadata": {"a": [1]},
        "entitlements_catalog": [{"slug": "pro", "name": "Pro", "description": "All of it"}],
        "merchant_profile_id": trade.shop.profile.id,
        "created_at": "2027-01-15T08:00:00Z",
        "updated_at": "2027-01-15T08:00:00Z",
    }


def test_a_product_without_a_catalog_is_told_with_none(trade: Trade) -> None:
    create(trade)
    (event,) = trade.events("product.created")
    assert data_of(event)["product"]["entitlements_catalog"] is None


def test_checks_of_a_new_product_come_in_the_order_of_the_specification(trade: Trade) -> None:
    """Everything is wrong at first; each repair lets the next check speak."""
    for number in range(4):
        create(trade, slug=f"filler-{number}")
    wrong: dict[str, Any] = {
        "actor": operator_without(Scope.PRODUCTS_WRITE),
        "self_license": CREATOR,
        "price": PriceInput(),
        "slug": "Not A Slug",
        "merchant_profile_id": MerchantProfileId("nobody"),
    }
    repairs: list[tuple[type[KeysatError], str | None, dict[str, Any]]] = [
        (Forbidden, None, {"actor": OPERATOR}),
        (TierCapReached, None, {"self_license": PATRON}),
        (InvariantError, "price_value", {"price": SATS}),
        (InvariantError, "slug", {"slug": trade.shop.product.slug}),
        (SlugTaken, None, {"slug": "free-slug"}),
        (NotFound, None, {"merchant_profile_id": None}),
    ]
    before = trade.trail()
    for error, field, repair in repairs:
        with pytest.raises(error) as refused:
            create(trade, **wrong)
        assert getattr(refused.value, "field", None) == field
        assert trade.trail() == before
        wrong |= repair
    assert create(trade, **wrong).slug == "free-slug"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 201),
        ("description", "x" * 10_001),
        ("metadata", "x" * 70_000),
        ("entitlements_catalog", (*CATALOG, *CATALOG)),
    ],
)
def test_a_field_that_breaks_a_rule_is_refused_and_no_product_stays_behind(
    trade: Trade, field: str, value: Any
) -> None:
    with pytest.raises(InvariantError):
        create(trade, **{field: value})
    with trade.store.reading() as tx:
        assert tx.products.count_products() == 1


def test_the_cap_counts_inactive_products_and_is_lifted_by_its_capability(trade: Trade) -> None:
    update(trade, active=False)
    for number in range(4):
        create(trade, slug=f"p{number}", self_license=CREATOR)
    with pytest.raises(TierCapReached) as refused:
        create(trade, slug="sixth", self_license=CREATOR)
    assert refused.value.upgrade_url == "https://licensing.keysat.xyz/buy/keysat?policy=pro"
    assert "5" in str(refused.value)
    pro = SelfLicense(entitlements=frozenset({"unlimited_products"}))
    assert create(trade, slug="sixth", self_license=pro).slug == "sixth"


# --- update -------------------------------------------------------------------------------------


def test_only_what_is_sent_changes(trade: Trade) -> None:
    before = stored(trade, trade.shop.product.id)
    trade.clock.advance(5)
    after = update(trade, name="Renamed", metadata={"b": 1})
    expected = msgspec.structs.replace(
        before, name="Renamed", metadata={"b": 1}, updated_at=trade.clock.now()
    )
    assert after == stored(trade, before.id) == expected
    (audit,) = trade.audits("product.update")
    assert audit.details["name"] == "Renamed"
    assert audit.details["after"] == {"name": "Renamed"}
    (event,) = trade.events("product.updated")
    assert not event.is_published
    assert data_of(event)["fields"] == ["name", "metadata"]


def test_an_empty_change_is_answered_with_the_product_and_writes_nothing(trade: Trade) -> None:
    assert update(trade, name=UNSET) == trade.shop.product
    assert update(trade, name=trade.shop.product.name, active=True) == trade.shop.product
    assert trade.trail() == ([], [])


def test_a_price_may_become_zero_and_another_currency(trade: Trade) -> None:
    assert update(trade, price=PriceInput(price_sats=0)).price.amount == 0
    fiat = update(trade, price=PriceInput(price_currency="EUR", price_value=5))
    assert (fiat.price, fiat.price_sats) == (Money(currency=Currency.EUR, amount=5), 0)
    assert trade.audits("product.update")[-1].details["price"] == {"currency": "EUR", "amount": 5}


def test_a_product_is_taken_off_sale_and_put_back(trade: Trade) -> None:
    assert not update(trade, active=False).active
    assert update(trade, active=True).active
    actions = [entry.details for entry in trade.audits("product.set_active")]
    assert actions == [{"active": False}, {"active": True}]


def test_a_catalog_is_set_kept_and_cleared(trade: Trade) -> None:
    assert update(trade, entitlements_catalog=CATALOG).entitlements_catalog == CATALOG
    assert update(trade, name="Other").entitlements_catalog == CATALOG
    assert update(trade, entitlements_catalog=None).entitlements_catalog == ()
    with pytest.raises(InvariantError):
        update(trade, entitlements_catalog=(CatalogEntry(slug="Bad Slug", name=""),))


@pytest.mark.betters("B-36")
def test_an_odd_slug_of_an_older_catalog_may_stay(trade: Trade) -> None:
    odd = (CatalogEntry(slug="Old Slug", name=""),)
    old = make_product(entitlements_catalog=odd)
    with trade.store.writing() as tx:
        tx.products.put_product(old)
    after = update(trade, old.id, entitlements_catalog=(*odd, *CATALOG))
    assert after.entitlements_catalog == (*odd, *CATALOG)


def test_a_merchant_profile_is_set_and_taken_back_to_the_default(trade: Trade) -> None:
    other = make_profile(is_default=False)
    with trade.store.writing() as tx:
        tx.merchants.put_profile(other)
    assert update(trade, merchant_profile_id=other.id).merchant_profile_id == other.id
    assert update(trade, merchant_profile_id=None).merchant_profile_id is None
    with pytest.raises(NotFound):
        update(trade, merchant_profile_id=MerchantProfileId("nobody"))


@pytest.mark.parametrize("fields", [{}, {"name": "x"}])
def test_an_unknown_product_is_not_found(trade: Trade, fields: dict[str, Any]) -> None:
    with pytest.raises(NotFound):
        update(trade, ProductId("unknown"), **fields)


def test_a_refused_change_leaves_the_product_as_it_was(trade: Trade) -> None:
    with pytest.raises(InvariantError):
        update(trade, name="", price=PriceInput(price_sats=1))
    assert stored(trade, trade.shop.product.id) == trade.shop.product
    assert trade.trail() == ([], [])


# --- delete -------------------------------------------------------------------------------------


def test_a_product_nobody_bought_goes_with_its_policies(trade: Trade) -> None:
    trade.put_policy()
    gone = delete(trade, trade.shop.product.id)
    assert (gone.slug, gone.counts.policies) == (trade.shop.product.slug, 2)
    with pytest.raises(NotFound):
        stored(trade, trade.shop.product.id)
    (audit,) = trade.audits("product.delete")
    assert (audit.details["force"], audit.details["cascaded_policies"]) == (False, 2)
    assert data_of(trade.events("product.deleted")[0])["slug"] == trade.shop.product.slug


def test_a_product_that_was_sold_is_kept_unless_forced(trade: Trade) -> None:
    invoice = trade.sell()
    trade.provider.pay(invoice.id)
    trade.settle(invoice.id)
    key = trade.issue(max_machines=0).key
    trade.validate(key, "a")
    before = trade.trail()
    with pytest.raises(StillReferenced) as refused:
        delete(trade, trade.shop.product.id)
    assert refused.value.blockers == {"licenses": 2, "invoices": 1}
    assert trade.trail() == before
    gone = delete(trade, trade.shop.product.id, is_forced=True)
    assert (gone.counts.licenses, gone.counts.invoices, gone.counts.machines) == (2, 1, 1)
    assert trade.licenses() == []
    (audit,) = trade.audits("product.force_delete")
    assert audit.details["cascaded_licenses"] == 2


def test_even_a_revoked_license_or_an_unpaid_invoice_keeps_a_product(trade: Trade) -> None:
    trade.sell()
    with pytest.raises(StillReferenced) as refused:
        delete(trade, trade.shop.product.id)
    assert refused.value.blockers == {"invoices": 1}


def test_deleting_an_unknown_product_is_not_found(trade: Trade) -> None:
    with pytest.raises(NotFound):
        delete(trade, ProductId("unknown"))


# --- read ---------------------------------------------------------------------------------------


def test_buyers_see_active_products_and_operators_all_by_name(trade: Trade) -> None:
    shown = create(trade, slug="a", name="AAA")
    hidden = create(trade, slug="b", name="BBB")
    update(trade, hidden.id, active=False)
    assert [product.id for product in list_catalog(store=trade.store)] == [
        shown.id,
        trade.shop.product.id,
    ]
    every = list_products(OPERATOR, is_inactive_included=True, store=trade.store)
    assert [product.id for product in every] == [shown.id, hidden.id, trade.shop.product.id]
    active = list_products(OPERATOR, is_inactive_included=False, store=trade.store)
    assert active == list_catalog(store=trade.store)


def test_an_inactive_product_is_shown_but_has_no_tiers_to_buy(trade: Trade) -> None:
    product = update(trade, active=False)
    assert show_catalog_product(product.slug, store=trade.store) == product
    assert find_product_id(OPERATOR, product.slug, store=trade.store) == product.id
    with pytest.raises(NotFound):
        list_tiers(product.slug, store=trade.store, clock=trade.clock, rates=trade.rates)


def test_the_tiers_of_a_product_are_those_on_sale_cheapest_first(trade: Trade) -> None:
    cheap = trade.put_policy(price_sats_override=1)
    trade.put_policy(public=False)
    tiers = list_tiers(
        trade.shop.product.slug, store=trade.store, clock=trade.clock, rates=trade.rates
    )
    assert tiers.product == trade.shop.product
    assert [policy.id for policy in tiers.policies] == [cheap.id, trade.shop.policy.id]


def test_a_slug_nobody_has_is_not_found_whatever_its_case(trade: Trade) -> None:
    for slug in ("unknown", trade.shop.product.slug.upper(), trade.shop.product.slug + " "):
        with pytest.raises(NotFound):
            show_catalog_product(slug, store=trade.store)
        with pytest.raises(NotFound):
            list_tiers(slug, store=trade.store, clock=trade.clock, rates=trade.rates)
        with pytest.raises(NotFound):
            find_product_id(OPERATOR, slug, store=trade.store)
