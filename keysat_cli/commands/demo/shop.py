"""A server of the demo's own: a temporary folder, a free port, a process, and nothing left over."""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from keysat_cli.failures import DifferencesFound
from keysat_cli.version import CHECKOUT

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 60.0
"""Several times what a slow machine needs."""

STOP_SECONDS: Final = 12.0
"""The server forces its own end before that."""

POLL_SECONDS: Final = 0.05
_OWN_PREFIXES: Final = ("KEYSAT_", "LICENSING_", "BTCPAY_")


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoShop:
    """A running server, and how to get in."""

    url: str
    admin_api_key: str
    folder: Path
    process: subprocess.Popen[bytes]

    def refuse_dead(self) -> None:
        """Make sure the server still runs.

        Raises:
            DifferencesFound: it has ended; the message has its last words.
        """
        code = self.process.poll()
        if code is not None:
            last = (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")
            raise DifferencesFound(f"the server ended with exit code {code}: {last[-500:].strip()}")


@contextmanager
def running_shop(port: int, **settings: str) -> Iterator[DemoShop]:
    """Run ``keysat serve`` in sandbox mode; at the end it is stopped and its folder removed.

    ``settings`` are environment variables that win over the demo's own.

    Raises:
        DifferencesFound: it does not come up.
    """
    admin_api_key = secrets.token_hex(32)
    url = f"http://{HOST}:{port}"
    with tempfile.TemporaryDirectory(prefix="keysat-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "keysat_cli", "serve"],
                cwd=folder,
                env=_environment(folder, url, admin_api_key, port) | settings,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        try:
            shop = DemoShop(url=url, admin_api_key=admin_api_key, folder=folder, process=process)
            _wait_until_ready(shop)
            yield shop
        finally:
            _stop(process)


def _environment(folder: Path, url: str, admin_api_key: str, port: int) -> dict[str, str]:
    """Keep nothing of the operator's own settings, so that no real shop can be touched."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(_OWN_PREFIXES)}
    path = [str(CHECKOUT), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {
        "PYTHONPATH": os.pathsep.join(path),
        "KEYSAT_BIND": f"{HOST}:{port}",
        "KEYSAT_DB_PATH": str(folder / "keysat.db"),
        "KEYSAT_ADMIN_API_KEY": admin_api_key,
        "KEYSAT_PUBLIC_URL": url,
        "KEYSAT_OPERATOR_NAME": "Demo Shop",
        "KEYSAT_SANDBOX_MODE": "1",
        "KEYSAT_LOG_LEVEL": "warning",
    }


def _wait_until_ready(shop: DemoShop) -> None:
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(base_url=shop.url, timeout=2.0, trust_env=False) as client:
        while time.monotonic() < deadline:
            shop.refuse_dead()
            try:
                if client.get("/readyz").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(POLL_SECONDS)
    raise DifferencesFound(f"the server was not ready within {START_SECONDS:.0f} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
