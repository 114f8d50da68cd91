"""What tests of moving in share."""

import pytest

from tests.support.earlier.moved import MovedShop


@pytest.fixture(scope="session")
def moved(tmp_path_factory: pytest.TempPathFactory) -> MovedShop:
    """Move a shop in once; whoever spoils the new file copies it."""
    return MovedShop(tmp_path_factory.mktemp("moved"), licenses=400)
