"""Which runs to make: ``--seed`` and ``--steps`` replay one, as a failure says."""

from typing import Final

import pytest

from tests.support.soak.beside import SoakBeside

SOAK_TEST: Final = "test_what_the_provider_calls_settled_has_its_one_effect_and_nothing_else_has"
BESIDE: Final = pytest.StashKey[SoakBeside]()


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


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the soak, if its test was chosen, and let that test come last."""
    waiting = [item for item in session.items if item.name == SOAK_TEST]
    if waiting and not session.config.option.collectonly:
        session.items[:] = [item for item in session.items if item not in waiting] + waiting
        session.config.stash[BESIDE] = SoakBeside()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave no process behind."""
    if BESIDE in config.stash:
        config.stash[BESIDE].end()


@pytest.fixture
def soaked(pytestconfig: pytest.Config) -> tuple[int, str]:
    """Wait for the soak, and give its exit code and what it said."""
    return pytestconfig.stash[BESIDE].result()
