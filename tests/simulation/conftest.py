"""Which runs to make: ``--seed`` and ``--steps`` replay one, as a failure says."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("simulation")
    group.addoption("--seed", type=int, help="simulate this seed alone")
    group.addoption("--steps", type=int, help="and this many steps of it")
