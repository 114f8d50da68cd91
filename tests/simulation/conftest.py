"""Which runs to make: ``--seed`` and ``--steps`` replay one, as a failure says."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("simulation")
    group.addoption("--seed", type=int, help="simulate this seed alone")
    group.addoption("--steps", type=int, help="and this many steps of it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A chosen seed is all that is wanted."""
    if config.getoption("seed", default=None) is None:
        return
    others = [item for item in items if "chosen_seed" not in item.name]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]
