"""What the metrics page reads of the adapters."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from keysat_cli.readings import TALLIES_SECONDS, RememberedTallies, file_bytes
from tests.support.shop import Shop, running_shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as running:
        running.add_product()
        yield running


def test_counts_are_made_beside_the_scrape_and_given_to_the_next(shop: Shop) -> None:
    tallies = RememberedTallies(shop.ports.store, shop.clock)
    assert tallies.latest() is None
    tallies.wait()
    counted = tallies.latest()
    assert counted is not None
    assert counted.licenses == {}
    shop.sell()
    shop.buy()
    issued = shop.issue()
    shop.admin("POST", f"/licenses/{issued['license_id']}/revoke", json={"reason": "x"})
    assert tallies.latest() is counted
    shop.clock.turn(TALLIES_SECONDS)
    assert tallies.latest() is counted
    tallies.wait()
    again = tallies.latest()
    assert again is not None
    assert again.invoices == {"pending": 1, "settled": 1}
    assert again.licenses == {"active": 1, "revoked": 1}
    assert again.events == len(shop.events())
    assert (again.receipts_waiting, again.api_keys, again.sessions) == (0, 0, 0)


def test_files_that_are_there_are_measured(tmp_path: Path) -> None:
    database = tmp_path / "keysat.db"
    database.write_bytes(b"x" * 100)
    (tmp_path / "keysat.db-wal").write_bytes(b"x" * 7)
    assert file_bytes(database) == {"main": 100, "wal": 7}
