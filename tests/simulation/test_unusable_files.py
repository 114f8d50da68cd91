"""Files a real server may not write, or that are moved, deleted or replaced under it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from keysat_cli.exit_codes import ExitCode
from tests.support.nursery import Child, Household, Nursery, open_nursery
from tests.support.program import ADMIN_KEY
from tests.support.sale_evidence import assert_it_fits, gather


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with open_nursery(tmp_path_factory.mktemp("nursery")) as nursery:
        yield nursery


@pytest.fixture
def home(nursery: Nursery, tmp_path: Path) -> Iterator[Household]:
    home = Household(nursery=nursery, folder=tmp_path)
    home.command("product", "create", "widget", "--name", "Widget", "--price-value", "25000")
    child, _ = home.serve()
    assert child.end() == 0
    yield home
    tmp_path.chmod(0o700)


def refusal_of(child: Child) -> dict[str, Any]:
    """Give what a server that cannot start leaves on its standard error: a note and an envelope."""
    assert child.wait() == ExitCode.DATABASE, child.said()
    assert child.out.read_text() == ""
    said = child.err.read_text()
    return msgspec.json.decode(said[said.index("{") :], type=dict[str, Any])


def start(home: Household) -> Child:
    return home.start("keysat", "serve", "--json", is_bound_by_modes=True)


def test_it_is_served_when_nothing_is_wrong(home: Household) -> None:
    child, url = home.serve(is_bound_by_modes=True)
    assert url, child.said()
    assert child.end() == 0


def test_a_read_only_file_is_named(home: Household) -> None:
    home.db_path.chmod(0o400)
    message = refusal_of(start(home))["message"]
    assert str(home.db_path) in message
    assert "read-only" in message


def test_a_file_that_may_not_be_read_is_named(home: Household) -> None:
    home.db_path.chmod(0)
    message = refusal_of(start(home))["message"]
    assert str(home.db_path) in message
    assert "cannot be opened" in message


def test_a_folder_that_may_not_be_written_is_named(home: Household) -> None:
    home.folder.chmod(0o500)
    message = refusal_of(start(home))["message"]
    assert str(home.folder) in message


def test_books_that_may_not_be_written_are_told_of(home: Household) -> None:
    home.books_path.chmod(0o400)
    child = start(home)
    assert child.wait() == ExitCode.OUTSIDE, child.said()
    assert "open the ledger" in child.said()


def test_a_validation_log_that_may_not_be_written_keeps_nobody_from_validating(
    home: Household,
) -> None:
    home.activity_path.touch(mode=0o400)
    home.activity_path.chmod(0o400)
    child, url = home.serve(is_bound_by_modes=True)
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as http:
        key = issued(http)
        for _ in range(3):
            answer = http.post("/v1/validate", json={"key": key, "fingerprint": "one"})
            assert answer.json()["ok"] is True
    assert child.end() == 0


def issued(http: httpx.Client) -> str:
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    answer = http.post("/v1/admin/licenses", json={"product_slug": "widget"}, headers=headers)
    return str(answer.json()["license_key"])


def assert_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["error"] == "service_unavailable"
    assert "retry-after" in answer.headers


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_database_moved_away_under_a_server_takes_no_more_writes_until_it_is_back(
    home: Household, *, is_replaced: bool
) -> None:
    child, url = home.serve()
    away = home.folder / "away.db"
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as http:
        key = issued(http)
        seat = {"key": key, "fingerprint": "one"}
        home.db_path.rename(away)
        if is_replaced:
            shutil.copy(away, home.db_path)
        assert_refused(http.post("/v1/purchase", json={"product": "widget"}))
        assert_refused(http.post("/v1/validate", json=seat))
        assert_refused(http.post("/v1/machines/activate", json=seat))
        assert "moved or deleted" in child.said()
        assert http.get("/healthz").status_code == 200
        away.rename(home.db_path)
        assert http.post("/v1/validate", json=seat).json()["ok"] is True
        assert http.post("/v1/purchase", json={"product": "widget"}).json()["checkout_url"]
    assert child.end() == 0
    evidence = gather(home.db_path, home.books_path)
    assert_it_fits(evidence)
    assert (len(evidence.invoices), len(evidence.machines)) == (1, 1)


def test_a_database_deleted_under_a_server_takes_no_more_writes(home: Household) -> None:
    child, url = home.serve()
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as http:
        home.db_path.unlink()
        for _ in range(3):
            assert_refused(http.post("/v1/purchase", json={"product": "widget"}))
        beside = home.start("keysat", "license", "list", "--json")
        assert beside.wait() == ExitCode.DATABASE
        assert "does not exist" in beside.said()
    assert child.end() == 0
    assert not home.db_path.exists()
