"""The lock files: every version pinned, every file hashed, no word about where it came from."""

import re
import tomllib
from collections.abc import Iterable
from typing import Final

import pytest

from tests.support.tree import ROOT

LOCKS: Final = {
    "requirements.lock": ("server",),
    "requirements-dev.lock": ("server", "test", "dev"),
}
REQUIREMENT: Final = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+"
)


def entries(name: str) -> list[str]:
    """Return one line per requirement, its hashes joined to it and comments left out."""
    text = (ROOT / name).read_text(encoding="utf-8")
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\s*\\\n\s*", " ", bare)
    return [line.strip() for line in joined.splitlines() if line.strip()]


def pins(name: str) -> dict[str, str]:
    found = (REQUIREMENT.fullmatch(entry) for entry in entries(name))
    return {match["name"]: match["version"] for match in found if match}


def names(requirements: Iterable[str]) -> set[str]:
    """Return what is required, by the one spelling that lock files use."""
    return {
        re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement)[0]).lower()
        for requirement in requirements
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock: str) -> None:
    assert entries(lock)
    assert [entry for entry in entries(lock) if not REQUIREMENT.fullmatch(entry)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_path(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    telling = re.compile(r"://|@ |index|find-links|trusted-host|(^|[\s=])[/~]", re.IGNORECASE)
    assert [line for line in text.splitlines() if telling.search(line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_everything_the_project_asks_for(lock: str) -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = document["project"]
    wanted = names([*project["dependencies"], *document["build-system"]["requires"]])
    for extra in LOCKS[lock]:
        wanted |= names(project["optional-dependencies"][extra])
    assert wanted - pins(lock).keys() == set()


def test_the_locks_agree_on_every_version_they_share() -> None:
    server, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: dev.get(name) for name in server} == server
