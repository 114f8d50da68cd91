"""``keysat btcpay`` against the double on a port."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from select import select
from typing import Any

import msgspec
import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.fault_plan import Answer
from tests.simulators.server import serving
from tests.simulators.virtual_clock import VirtualClock
from tests.support.builders import make_profile
from tests.support.program import Program, clean_environment


@dataclass(kw_only=True)
class Till:
    """The program, and the double it is told of."""

    program: Program
    fake: FakeBTCPay
    store_id: str

    def run(self, *words: str, stdin: str = "") -> Any:
        result = self.program.run("btcpay", *words, "--json", stdin=stdin)
        return result.exit_code, msgspec.json.decode(result.stdout or b"null"), result.stderr


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    fake = FakeBTCPay(VirtualClock())
    store = fake.add_store("My shop")
    with serving(fake) as base_url:
        program = Program(
            folder=tmp_path,
            variables={"BTCPAY_URL": base_url, "KEYSAT_PUBLIC_URL": "https://license.example"},
        )
        assert program.run("migrate").exit_code == 0
        yield Till(program=program, fake=fake, store_id=store.id)
    fake.check()


def test_a_link_for_the_browser_is_printed(till: Till) -> None:
    code, said, _ = till.run("connect", "--label", "Node")
    assert code == 0
    form = till.fake.approve(said["authorize_url"], [till.store_id])
    assert form.target == (
        f"https://license.example/v1/btcpay/authorize/callback?state={said['state']}"
    )


def test_a_key_made_by_hand_connects_and_disconnects_without_a_browser(till: Till) -> None:
    assert till.run("status")[1] == {"connected": False}
    key = till.fake.add_key(till.store_id)
    code, said, _ = till.run("connect", "--api-key-stdin", stdin=f"{key}\n")
    assert (code, said["connected"], said["store_id"]) == (0, True, till.store_id)
    assert till.run("status")[1] == said
    code, _, problem = till.run("connect", "--api-key-stdin", stdin=f"{key}\n")
    assert code == 5
    assert "already" in problem
    code, gone, _ = till.run("disconnect", "--yes")
    assert (code, gone["noop"], gone["warnings"]) == (0, False, [])
    assert key not in till.fake.world.keys
    assert till.run("disconnect", "--yes")[1]["noop"] is True


def test_an_empty_or_unknown_id_disconnects_nothing(till: Till) -> None:
    key = till.fake.add_key(till.store_id)
    assert till.run("connect", "--api-key-stdin", stdin=f"{key}\n")[0] == 0
    for provider_id in ("", "x"):
        code, _, problem = till.run("disconnect", "--provider", provider_id, "--yes")
        assert code == 3
        assert f"no connected BTCPay Server with the id '{provider_id}'" in problem
    assert till.run("status")[1]["connected"] is True


@pytest.mark.parametrize("words", [("--profile", ""), ("--store", "")])
def test_an_empty_profile_or_store_connects_nothing(till: Till, words: tuple[str, str]) -> None:
    code, _, problem = till.run("connect", *words)
    assert code == 4
    assert "no such merchant profile" in problem or "store_id" in problem


def test_a_store_of_another_profile_is_named_to_choose_it(till: Till) -> None:
    profile = make_profile(is_default=False)
    with SQLiteStore.open(till.program.db_path) as store, store.writing() as tx:
        tx.merchants.put_profile(profile)
    key = till.fake.add_key(till.store_id)
    code, _, _ = till.run(
        "connect", "--profile", profile.id, "--label", "Node", "--api-key-stdin", stdin=key
    )
    assert code == 0
    account_id = till.run("status")[1]["provider_id"]
    said = till.program.text("btcpay", "disconnect")
    assert said.startswith("The default merchant profile has no BTCPay Server;")
    assert f"--provider: {account_id} (Node)." in said
    code, gone, _ = till.run("disconnect")
    assert (code, gone["noop"]) == (0, True)
    code, gone, _ = till.run("disconnect", "--provider", account_id, "--yes")
    assert (code, gone["noop"], gone["provider_id"]) == (0, False, account_id)
    assert till.program.text("btcpay", "disconnect") == "No BTCPay Server was connected.\n"


def test_a_stores_name_does_nothing_to_the_terminal(till: Till) -> None:
    store = till.fake.add_store("Shop\x1b]0;owned\x07\x1b[2J")
    key = till.fake.add_key(store.id)
    result = till.program.run("btcpay", "connect", "--api-key-stdin", stdin=key)
    assert (result.exit_code, "Shop" in result.stdout) == (0, True)
    assert "\x1b" not in result.stdout + result.stderr


def test_a_key_that_is_typed_is_not_shown(till: Till) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "keysat_cli", "btcpay", "connect", "--api-key-stdin"],
        cwd=till.program.folder,
        env=clean_environment(**till.program.settings),
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    try:
        assert select([ours], [], [], 30)[0], "nothing was asked"
        asked = os.read(ours, 1_000)
        os.write(ours, b"0123456789abcdef\n")
        process.wait(timeout=60)
        shown = os.read(ours, 4_000)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
    assert b"API key" in asked
    assert b"0123456789abcdef" not in asked + shown


def test_a_key_that_will_not_do_is_refused_with_the_reason(till: Till) -> None:
    weak = till.fake.add_key(till.store_id, permissions=["btcpay.store.canviewstoresettings"])
    code, _, problem = till.run("connect", "--api-key-stdin", stdin=weak)
    assert code == 4
    assert "cancreateinvoice" in problem
    assert weak not in problem
    assert till.run("connect", "--api-key-stdin", stdin="")[0] == 4


def test_a_server_that_fails_is_something_outside(till: Till) -> None:
    till.fake.faults.on_call("list_stores", Answer(503), count=2)
    key = till.fake.add_key(till.store_id)
    assert till.run("connect", "--api-key-stdin", stdin=key)[0] == 10


def test_without_the_settings_it_says_which(till: Till) -> None:
    till.program.variables.pop("BTCPAY_URL")
    code, _, problem = till.run("connect")
    assert code == 6
    assert "BTCPAY_URL" in problem
    till.program.variables.pop("KEYSAT_PUBLIC_URL")
    code, _, problem = till.run("connect")
    assert code == 6
    assert "KEYSAT_PUBLIC_URL" in problem
