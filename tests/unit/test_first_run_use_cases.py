"""How far a shop has been set up is read from what is stored."""

import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.actor import Scope
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.setting import OPERATOR_NAME
from keysat_core.errors import Forbidden
from keysat_core.testing.clock import START
from keysat_core.use_cases.server.show_start import Start, StartStep, show_start
from tests.support.builders import (
    make_account,
    make_invoice,
    make_policy,
    make_product,
    make_profile,
)
from tests.support.trade import OPERATOR, operator_without

NAME, PROVIDER, PRODUCT, TIERS, SALE = StartStep


@pytest.fixture
def store() -> SQLiteStore:
    return SQLiteStore.open()


def look(store: SQLiteStore, *, name: str | None = None, is_sandbox: bool = False) -> Start:
    return show_start(OPERATOR, configured_name=name, is_sandbox=is_sandbox, store=store)


def test_every_step_is_done_once_what_it_asks_for_is_stored(store: SQLiteStore) -> None:
    assert look(store).done == frozenset()
    assert look(store).is_empty
    assert look(store).next_step is NAME
    assert look(store, name="From the settings").next_step is PROVIDER
    product, profile = make_product(), make_profile()
    with store.writing() as tx:
        tx.settings.put_setting(OPERATOR_NAME, "Quiet Tools", Instant(START))
        tx.merchants.put_profile(profile)
        tx.merchants.put_account(make_account(profile, kind=ProviderKind.BTCPAY))
    assert look(store).done == {NAME, PROVIDER}
    assert look(store).is_empty
    with store.writing() as tx:
        tx.products.put_product(product)
    assert look(store).next_step is TIERS
    assert not look(store).is_empty
    with store.writing() as tx:
        tx.policies.put_policy(make_policy(product))
        tx.invoices.put_invoice(make_invoice(product))
    assert look(store).next_step is SALE
    assert not look(store).is_finished
    settled = make_invoice(product, status=InvoiceStatus.SETTLED, settled_at=START)
    with store.writing() as tx:
        tx.invoices.put_invoice(settled)
    assert look(store).done == frozenset(StartStep)
    assert look(store).is_finished
    assert look(store).next_step is None


def test_pretend_money_needs_no_provider_and_a_product_no_tiers(store: SQLiteStore) -> None:
    product, profile = make_product(), make_profile()
    with store.writing() as tx:
        tx.merchants.put_profile(profile)
        tx.merchants.put_account(make_account(profile, kind=ProviderKind.SANDBOX))
    assert look(store, name="Shop", is_sandbox=True).next_step is PROVIDER
    with store.writing() as tx:
        tx.products.put_product(product)
        tx.invoices.put_invoice(
            make_invoice(product, status=InvoiceStatus.SETTLED, settled_at=START)
        )
    seen = look(store, name="Shop", is_sandbox=True)
    assert seen.done == {NAME, PRODUCT, SALE}
    assert seen.is_finished
    assert seen.next_step is None
    assert look(store, name="Shop").next_step is PROVIDER


def test_a_product_that_is_taken_away_opens_its_step_again(store: SQLiteStore) -> None:
    product = make_product()
    with store.writing() as tx:
        tx.products.put_product(product)
    assert PRODUCT in look(store).done
    with store.writing() as tx:
        tx.removals.remove_product(product.id)
    assert PRODUCT not in look(store).done


def test_who_may_not_read_the_tier_is_not_told(store: SQLiteStore) -> None:
    with pytest.raises(Forbidden):
        show_start(
            operator_without(Scope.TIER_READ), configured_name=None, is_sandbox=False, store=store
        )
