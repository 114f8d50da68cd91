"""What the tests of the shop's routes share."""

from collections.abc import Iterator

import pytest

from tests.support.shop import Shop, running_shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as running:
        yield running
