"""The Python of the pages for integrators: the check by hand, and a sale through the page's code."""

import importlib.util
import json
import sys
import time
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from tests.support.live_server import LiveServer
from tests.support.page_code import write_files
from tests.support.tree import ROOT

VECTORS: Final = ROOT / "schema" / "vectors"
LIFECYCLES: Final = json.loads((VECTORS / "lic1-lifecycles.json").read_text("utf-8"))
PEM: Final[str] = LIFECYCLES["public_key_pem"]
JUST_ISSUED: Final = 1_700_000_000


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[path.stem]
    return module


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("by-hand")
    (path,) = write_files(folder, "docs/integrate/by-hand.md", "python")
    return loaded(path)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("python-page")
    path, _ = write_files(folder, "docs/integrate/python.md", "python")
    return loaded(path)


@pytest.fixture(scope="module")
def seller(page: Any, server: LiveServer) -> Any:
    """The page's own seller, asked and pinned as the page says."""
    return page.Seller(
        url=server.url,
        product="widget",
        product_id=server.ask("GET", "/v1/products/widget").json()["id"],
        public_key_pem=server.ask("GET", "/v1/pubkey").json()["public_key_pem"],
    )


def test_the_check_by_hand_takes_every_published_key(by_hand: Any) -> None:
    for vector in LIFECYCLES["keys"]:
        payload = vector["payload"]
        here = {
            "product_id": payload["product_id"],
            "now": JUST_ISSUED,
            "fingerprint": vector["fingerprint"] or "",
        }
        assert by_hand.verify(vector["key"], PEM, **here) == payload["entitlements"]
        elsewhere: list[tuple[str, dict[str, object]]] = [
            ("product_mismatch", {"product_id": payload["license_id"]}),
        ]
        if payload["expires_at"]:
            elsewhere.append(("expired", {"now": payload["expires_at"]}))
        if vector["fingerprint"]:
            elsewhere.append(("fingerprint_mismatch", {"fingerprint": "rig-2"}))
        for reason, change in elsewhere:
            with pytest.raises(ValueError, match=rf"^{reason}$"):
                by_hand.verify(vector["key"], PEM, **here | change)


def test_the_check_by_hand_refuses_every_bad_key(by_hand: Any) -> None:
    anything = {"product_id": LIFECYCLES["keys"][0]["payload"]["product_id"], "now": JUST_ISSUED}
    for vector in LIFECYCLES["rejected"]:
        with pytest.raises(ValueError, match=r"^bad_format$"):
            by_hand.verify(vector["key"], PEM, **anything)
    good = LIFECYCLES["keys"][0]["key"]
    with pytest.raises(ValueError, match=r"^bad_signature$"):
        by_hand.verify(good[:-3] + ("AAA" if good[-3:-1] != "AA" else "BBA"), PEM, **anything)


def test_the_tests_of_the_python_page_pass(
    page: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path = write_files(tmp_path_factory.mktemp("tests"), "docs/integrate/python.md", "python")
    monkeypatch.setitem(sys.modules, "licensing", page)
    written = {name: one for name, one in vars(loaded(path)).items() if name.startswith("test_")}
    assert len(written) == 4
    for test in written.values():
        fixtures = {"tmp_path_factory": tmp_path_factory}
        test(**{name: fixtures[name] for name in signature(test).parameters})


def test_a_sale_through_the_code_of_the_python_page(
    page: Any, seller: Any, server: LiveServer, tmp_path: Path
) -> None:
    shown: list[str] = []
    assert ("pro", "Pro", 25_000) in page.tiers(seller)
    invoice_id = page.start_buying(seller, "pro", "ada@example.com", shown.append)
    assert page.collect(seller, invoice_id, pause=0.01, patience=0.02) is None
    server.client.post(f"{shown[0]}/pay")
    key = page.collect(seller, invoice_id, pause=0.1, patience=10)
    here, memory = page.fingerprint(tmp_path), tmp_path / "memory"
    assert here == page.fingerprint(tmp_path)
    now = time.time()
    assert page.standing(seller, key, here, memory, now) == page.Standing(entitlements=("sync",))
    assert page.take_seat(seller, key, here) == ""
    assert page.still_here(seller, key, here)
    page.leave_seat(seller, key, here)
    assert not page.still_here(seller, key, here)
    assert page.upgrade_price(seller, key, "team") == (35_000, "SAT")
    upgrade_id = page.start_upgrade(seller, key, "team", shown.append)
    server.client.post(f"{shown[1]}/pay")
    new_key = page.collect(seller, upgrade_id, pause=0.1, patience=10)
    assert page.signed(seller, new_key).entitlements == ["sync", "share"]
    assert page.collect(seller, invoice_id, patience=1) == new_key
    assert page.recover(seller, invoice_id, "Ada@Example.com") == new_key
    assert page.standing(seller, key, here, memory, now).allows("share")
    license_id = str(page.signed(seller, key).license_id)
    server.admin("POST", f"/v1/admin/licenses/{license_id}/suspend", {"reason": "a test"})
    assert page.standing(seller, key, here, memory, now).reason == "suspended"
    assert not memory.exists()


def test_what_costs_nothing_and_what_renews_through_the_code_of_the_python_page(
    page: Any, seller: Any
) -> None:
    shown: list[str] = []
    invoice_id = page.start_buying(seller, "monthly", "ada@example.com", shown.append)
    key = page.collect(seller, invoice_id, patience=1)
    assert shown == []
    page.cancel_subscription(seller, key)
    assert page.redeem(seller, "GIFT", "ada@example.com").startswith("LIC1-")
    with pytest.raises(page.LicensingError) as refused:
        page.upgrade_price(seller, key, "no-such-tier")
    assert refused.value.kind == "not_found"
