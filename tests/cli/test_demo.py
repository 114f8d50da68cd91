"""``keysat demo``: one sale before the reader's eyes, from any folder, leaving nothing behind."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import msgspec
import pytest

from keysat_cli.commands.demo.sale import walk_a_sale
from keysat_cli.commands.demo.shop import DemoShop, running_shop
from keysat_cli.commands.demo.transcript import Transcript
from keysat_cli.commands.demo.walk import Walk
from keysat_cli.failures import DifferencesFound
from keysat_core.signing import Verifier
from tests.support.live_server import free_port
from tests.support.program import Program, clean_environment

ONCE_SECONDS: Final = 20


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A folder of its own for temporary files, with settings the demo must not touch."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / ".env").write_text("KEYSAT_BIND=nonsense\n")
    settings = {"TMPDIR": str(tmp_path / "tmp"), "KEYSAT_PUBLIC_URL": "https://real.example"}
    return Program(folder=tmp_path, variables=settings)


def left_behind(program: Program) -> list[str]:
    return sorted(entry.name for entry in program.folder.rglob("*"))


@contextmanager
def watched(program: Program, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a demo whose output is read as it comes."""
    with subprocess.Popen(  # noqa: S603  the words are the test's own
        [sys.executable, "-u", "-m", "keysat_cli", "demo", *words],
        cwd=program.folder,
        env=clean_environment(**program.settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"the demo ended before it said {words!r}: {said}")


def test_one_sale_is_walked_through_and_nothing_is_left(program: Program) -> None:
    began = time.monotonic()
    done = program.process("demo", "--once", timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - began < ONCE_SECONDS
    assert left_behind(program) == [".env", "tmp"]
    for said in (
        "POST /v1/admin/products",
        "POST /v1/admin/policies",
        "POST /v1/purchase",
        "/sandbox/checkout/",
        "license_key: LIC1-",
        "POST /v1/validate",
        "Verifier.from_pem(pem).verify(key)",
        "reason: revoked",
        "The sale went as it should.",
    ):
        assert said in done.stdout
    assert "\x1b[" not in done.stdout
    assert done.stderr == ""


def test_the_transcript_is_machine_readable(program: Program) -> None:
    done = program.process("demo", "--once", "--json")
    assert done.returncode == 0, done.stderr
    said = msgspec.json.decode(done.stdout)
    assert said["ok"] is True
    exchanges = [exchange for step in said["steps"] for exchange in step["exchanges"]]
    asked = [f"{exchange['method']} {exchange['path']}" for exchange in exchanges]
    assert asked.count("POST /v1/admin/policies") == 3
    assert exchanges[-1]["answer"] == {"ok": False, "reason": "revoked"}
    sale = said["sale"]
    verified = Verifier.from_pem(sale["public_key_pem"]).verify(sale["license_key"])
    assert verified.payload.license_id == sale["license_id"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_on_until_it_is_stopped(number: signal.Signals, program: Program) -> None:
    with watched(program, "--port", str(free_port())) as process:
        said = read_until(process, "curl")
        url = next(line.split()[-1] for line in said.splitlines() if "Server  " in line)
        assert httpx.get(f"{url}healthz", trust_env=False).json() == {"ok": True}
        key = next(line.split()[-1] for line in said.splitlines() if "Admin API key" in line)
        headers = {"authorization": f"Bearer {key}"}
        tier = httpx.get(f"{url}v1/admin/tier", headers=headers, trust_env=False)
        assert tier.status_code == 200
        process.send_signal(number)
        assert process.wait(15) == 0
        assert process.stdout is not None
        assert "nothing is left" in process.stdout.read()
    assert left_behind(program) == [".env", "tmp"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}healthz", trust_env=False)


def test_a_taken_port_of_choice_is_refused(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = program.process("demo", "--once", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 6
    assert "--port" in done.stderr


def test_a_demo_finds_a_free_port_by_itself(program: Program) -> None:
    with watched(program) as one:
        first = read_until(one, "curl")
        with watched(program) as two:
            second = read_until(two, "curl")
            two.terminate()
            assert two.wait(15) == 0
        one.terminate()
        assert one.wait(15) == 0
    ports = [
        said.split("Server         http://127.0.0.1:")[1].split("/")[0] for said in (first, second)
    ]
    assert ports[0] != ports[1]


@pytest.fixture(scope="module")
def shop() -> Iterator[DemoShop]:
    with running_shop(free_port()) as running:
        yield running


def test_a_step_that_fails_is_named(shop: DemoShop) -> None:
    stranger = DemoShop(
        url=shop.url, admin_api_key="x" * 32, folder=shop.folder, process=shop.process
    )
    with httpx.Client(base_url=shop.url, trust_env=False) as client:
        walk = Walk(stranger, client, Transcript(is_silent=True))
        with pytest.raises(DifferencesFound, match="/v1/admin/products answered 403"):
            walk_a_sale(walk)


def test_a_server_that_does_not_start_is_told_with_its_last_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(DifferencesFound, match=r"exit code 6.*cannot listen"),
            running_shop(port),
        ):
            raise AssertionError("it must not start")
