"""What the metrics page reads of the adapters."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from keysat_cli.readings import count_shop, file_bytes
from tests.support.shop import Shop, running_shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as running:
        running.add_product()
        yield running


def test_everything_is_counted_as_it_stands(shop: Shop) -> None:
    before = count_shop(shop.ports.store, shop.clock)
    assert before is not None
    assert before.licenses == {}
    shop.sell()
    shop.buy()
    issued = shop.issue()
    shop.admin("POST", f"/licenses/{issued['license_id']}/revoke", json={"reason": "x"})
    counted = count_shop(shop.ports.store, shop.clock)
    assert counted is not None
    assert counted.invoices == {"pending": 1, "settled": 1}
    assert counted.licenses == {"active": 1, "revoked": 1}
    assert counted.events == len(shop.events())
    assert (counted.receipts_waiting, counted.api_keys, counted.sessions) == (0, 0, 0)


def test_files_that_are_there_are_measured(tmp_path: Path) -> None:
    database = tmp_path / "keysat.db"
    database.write_bytes(b"x" * 100)
    (tmp_path / "keysat.db-wal").write_bytes(b"x" * 7)
    assert file_bytes(database) == {"main": 100, "wal": 7}
