"""The rehearsal store: what happens in it is seen within its transaction, and then never happened."""

from collections.abc import Iterator

import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.errors import NotFound
from keysat_core.ports.store import Store
from keysat_core.use_cases.products.delete_product import DeleteProduct, delete_product
from keysat_http.rehearsal import RehearsalStore
from tests.support.builders import make_product
from tests.support.trade import OPERATOR, Trade, open_trade


@pytest.fixture
def trade() -> Iterator[Trade]:
    opened = open_trade()
    yield opened
    opened.close()


def everything(store: Store) -> dict[str, list[object]]:
    """Every row of every table, read past the store's own words."""
    assert isinstance(store, SQLiteStore)
    connection = store._writer.session.connection
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return {
        str(name): list(connection.execute(f'SELECT * FROM "{name}"'))  # noqa: S608
        for (name,) in tables
    }


def test_what_is_written_is_seen_until_the_transaction_ends(trade: Trade) -> None:
    store: Store = RehearsalStore(trade.store)
    product = make_product(slug="rehearsed")
    with store.writing() as tx:
        tx.products.put_product(product)
        assert tx.products.get_product(product.id) == product
    with store.reading() as tx, pytest.raises(NotFound):
        tx.products.get_product(product.id)


def test_a_use_case_tells_what_it_did_and_leaves_no_row_behind(trade: Trade) -> None:
    before = everything(trade.store)
    deletion = delete_product(
        OPERATOR,
        DeleteProduct(product_id=trade.shop.product.id, is_forced=True),
        store=RehearsalStore(trade.store),
        clock=trade.clock,
        ids=trade.ids,
    )
    assert deletion.counts.policies == 1
    assert everything(trade.store) == before
    assert {"audit_log", "outbox"} <= before.keys()


def test_a_failure_within_is_told_as_it_is(trade: Trade) -> None:
    with pytest.raises(ZeroDivisionError), RehearsalStore(trade.store).writing():
        _ = 1 / 0
    with trade.store.writing() as tx:
        assert tx.products.get_product(trade.shop.product.id) == trade.shop.product


def test_the_next_transaction_is_a_real_one(trade: Trade) -> None:
    product = make_product(slug="kept")
    with RehearsalStore(trade.store).writing() as tx:
        tx.products.put_product(product)
    with trade.store.writing() as tx:
        tx.products.put_product(product)
    with trade.store.reading() as tx:
        assert tx.products.get_product(product.id) == product
