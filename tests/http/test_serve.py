"""A real server in a process of its own, and how it stops."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.support.tree import ROOT

EXIT_SECONDS_MAX = 10


@contextmanager
def served(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    process = subprocess.Popen(  # noqa: S603  our own interpreter
        [sys.executable, "-W", "error", "-m", "tests.support.slow_server", str(folder / "k.db")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, int(process.stdout.readline() or "0")
    finally:
        process.kill()
        process.communicate()


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_requests_in_flight_finish(tmp_path: Path, number: signal.Signals) -> None:
    with served(tmp_path) as (process, port), ThreadPoolExecutor(1) as pool:
        url = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{url}/readyz").status_code == 200
        slow = pool.submit(httpx.get, f"{url}/slow/2.0", timeout=10)
        time.sleep(0.5)
        began_at = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=EXIT_SECONDS_MAX)
        assert slow.result().json() == {"waited": 2.0}
        assert time.monotonic() - began_at < EXIT_SECONDS_MAX
        assert process.returncode == 0, err
        assert out == "closed\n"
        assert "Traceback" not in err
        routes = [msgspec.json.decode(line, type=dict[str, object]) for line in err.splitlines()]
        assert "/slow/{seconds}" in [line.get("route") for line in routes]


def test_a_stuck_request_does_not_hold_the_process(tmp_path: Path) -> None:
    with served(tmp_path) as (process, port):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /slow/60.0 HTTP/1.1\r\nhost: x\r\n\r\n")
            time.sleep(0.5)
            began_at = time.monotonic()
            process.terminate()
            _, err = process.communicate(timeout=EXIT_SECONDS_MAX + 1)
        assert time.monotonic() - began_at < EXIT_SECONDS_MAX
        assert process.returncode == 1
        assert "exit_forced" in err


def test_a_provider_that_hangs_does_not_hold_the_process(tmp_path: Path) -> None:
    """Everybody has been answered, so the stop is a good one: exit code 0 at once."""
    with served(tmp_path) as (process, port):
        answer = httpx.get(f"http://127.0.0.1:{port}/provider/60.0", timeout=5)
        assert answer.json() == {"answered": False}
        process.terminate()
        out, err = process.communicate(timeout=EXIT_SECONDS_MAX)
        assert (process.returncode, out) == (0, "closed\n"), err
        assert "exit_forced" not in err


def test_the_wire_is_as_strict_as_the_application(tmp_path: Path) -> None:
    with served(tmp_path) as (_, port):
        closing = b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        plain = raw(port, b"GET /healthz" + closing)
        assert plain.startswith(b"HTTP/1.1 200 OK")
        assert b"server:" not in plain.lower()
        assert raw(port, b"GET /\xff" + closing).startswith(b"HTTP/1.1 400")
        assert raw(port, b"GET /%ff" + closing).startswith(b"HTTP/1.1 400")
        assert raw(port, b"HEAD /healthz" + closing).endswith(b"\r\n\r\n")
        assert raw(port, b"OPTIONS *" + closing).startswith((b"HTTP/1.1 200", b"HTTP/1.1 400"))
        chunked = (
            b"POST /v1/nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        )
        assert raw(port, chunked).startswith(b"HTTP/1.1 404")
        assert raw(port, b"GET /healthz" + closing).startswith(b"HTTP/1.1 200 OK")
