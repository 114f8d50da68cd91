"""A live ``keysat serve`` in a process of its own, on a loopback port."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.support.program import ADMIN_KEY, Program, clean_environment

START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class LiveServer:
    """What a test holds on to. ``program`` works on the same database as the server."""

    url: str
    program: Program
    process: subprocess.Popen[bytes]
    client: httpx.Client

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """Send a request as anybody."""
        return self.client.request(method, path, json=body)

    def admin(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send a request as the operator and give the JSON of its answer, a 200."""
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        answer = self.client.request(method, path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def validate(self, key: str, **more: str) -> Any:
        """Ask as the sold software does."""
        answer = self.ask("POST", "/v1/validate", {"key": key, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def stop(self) -> int:
        """Tell it to stop and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def live_server(folder: Path, *, host: str = "127.0.0.1", **variables: str) -> Iterator[LiveServer]:
    """Serve a folder's database, in sandbox mode unless the variables say otherwise."""
    port = free_port()
    url = f"http://{host}:{port}"
    program = Program(folder=folder)
    settings = {
        "KEYSAT_BIND": f"{host}:{port}",
        "KEYSAT_PUBLIC_URL": url,
        "KEYSAT_ADMIN_API_KEY": ADMIN_KEY,
        "KEYSAT_SANDBOX_MODE": "1",
    }
    with (
        (folder / "server.log").open("wb") as log,
        httpx.Client(base_url=url, timeout=10, trust_env=False) as client,
        subprocess.Popen(
            [sys.executable, "-m", "keysat_cli", "serve", "--json"],
            cwd=folder,
            env=clean_environment(**program.settings, **(settings | variables)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        server = LiveServer(url=url, program=program, process=process, client=client)
        try:
            _wait_until_ready(server)
            yield server
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()


def _wait_until_ready(server: LiveServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if server.client.get("/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    said = (server.program.folder / "server.log").read_text(encoding="utf-8", errors="replace")
    raise AssertionError(f"the server did not start: {said}")
