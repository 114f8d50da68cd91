"""What the tests of the shop's routes share."""

from collections.abc import Iterator

import pytest

from tests.support.nursery import Household, Nursery, open_nursery
from tests.support.server_pair import Pair, open_pair
from tests.support.shop import Shop, running_shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as running:
        yield running


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Processes, born in milliseconds."""
    with open_nursery(tmp_path_factory.mktemp("nursery")) as nursery:
        yield nursery


@pytest.fixture(scope="module")
def pair(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers on one database, shared by the tests of a file."""
    home = Household(nursery=nursery, folder=tmp_path_factory.mktemp("pair"))
    with open_pair(home) as pair:
        yield pair
