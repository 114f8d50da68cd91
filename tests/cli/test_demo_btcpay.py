"""``make demo-btcpay``: the demo's sale, paid at the double of BTCPay Server."""

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

from keysat_core.signing import Verifier
from tests.support.live_server import free_port
from tests.support.program import clean_environment

ONCE_SECONDS: Final = 20


@contextmanager
def demo(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run the demo, with settings it must not touch and temporary files where they are seen."""
    (folder / "tmp").mkdir()
    settings = {"TMPDIR": str(folder / "tmp"), "BTCPAY_URL": "https://real.example"}
    with subprocess.Popen(  # noqa: S603  the words are the test's own
        [sys.executable, "-u", "-m", "tests.simulators.demo", *words],
        cwd=folder,
        env=clean_environment(**settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ports() -> list[str]:
    return ["--port", str(free_port()), "--btcpay-port", str(free_port())]


def test_a_sale_is_paid_at_the_double_and_nothing_is_left(tmp_path: Path) -> None:
    began = time.monotonic()
    with demo(tmp_path, "--once", *ports()) as process:
        said, complained = process.communicate(timeout=60)
    assert process.returncode == 0, said + complained
    assert time.monotonic() - began < ONCE_SECONDS
    assert complained == ""
    steps = [
        "POST /v1/admin/btcpay/connect",
        "/api-keys/authorize",
        "/v1/btcpay/authorize/callback",
        "connected: yes",
        "POST /v1/purchase",
        "by lightning",
        "/thank-you",
        "webhook InvoiceSettled, answered with 200",
        "status: settled",
        "license_key: LIC1-",
        "POST /v1/validate",
        "The sale went as it should.",
    ]
    places = [said.rfind(step) for step in steps]
    assert -1 not in places, steps[places.index(-1)]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_transcript_is_machine_readable_and_shows_no_api_key(tmp_path: Path) -> None:
    with demo(tmp_path, "--once", "--json", *ports()) as process:
        said, complained = process.communicate(timeout=60)
    assert process.returncode == 0, complained
    document = msgspec.json.decode(said)
    sale = document["sale"]
    payload = Verifier.from_pem(sale["public_key_pem"]).verify(sale["license_key"]).payload
    assert payload.license_id == sale["license_id"]
    pages = [
        exchange
        for step in document["steps"]
        for exchange in step["exchanges"]
        if exchange["path"].startswith("http")
    ]
    assert pages
    assert all(page["request"] is None and page["answer"] is None for page in pages)


def test_both_serve_on_until_they_are_stopped(tmp_path: Path) -> None:
    with demo(tmp_path, *ports()) as process:
        assert process.stdout is not None
        shown: dict[str, str] = {}
        for line in process.stdout:
            name, _, value = line.strip().partition("  ")
            shown[name] = value.strip()
            if "policy_slug" in line and "Admin API key" in shown:
                break
        for url in (shown["Server"] + "healthz", shown["Checkout"]):
            assert httpx.get(url, trust_env=False).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0
        assert "nothing is left" in process.stdout.read()
    assert list((tmp_path / "tmp").iterdir()) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(shown["BTCPay double"], trust_env=False)


@pytest.mark.parametrize("option", ["--port", "--btcpay-port"])
def test_a_taken_port_of_choice_is_refused(option: str, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        demo(tmp_path, "--once", option, str(taken.getsockname()[1])) as process,
    ):
        _, complained = process.communicate(timeout=60)
    assert process.returncode == 6
    assert option in complained
