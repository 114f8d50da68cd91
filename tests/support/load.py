"""Load for benchmarks: servers pinned to one core, wrk on another, and what it measured."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import msgspec

from tests.support.program import clean_environment

CONNECTIONS: Final = 64
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 15.0

_SCRIPT: Final = """
-- Every request is made before the first is sent, so that the generator costs little.
local requests, at = {}, 0
function init(args)
  for body in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("POST", args[2],
      {["Content-Type"] = "application/json"}, body)
  end
  once = args[3] == "once"
end
function request()
  at = at + 1
  if at > #requests then
    if once then wrk.thread:stop() end
    at = 1
  end
  return requests[at]
end
function done(summary, latency, _)
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"max_us":%d,"bad":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50),
    latency:percentile(99), latency.max,
    summary.errors.status + summary.errors.connect + summary.errors.read
      + summary.errors.write + summary.errors.timeout))
end
"""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the generator."""

    requests: int
    seconds: float
    p50_us: int
    p99_us: int
    max_us: int
    bad: int

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


class Core(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server and its load run. On a machine with one core both share it."""

    server: int
    load: int


def cores() -> Core:
    available = sorted(os.sched_getaffinity(0))
    return Core(server=available[0], load=available[-1])


def require_wrk() -> None:
    if shutil.which("wrk") is None:
        sys.exit("This benchmark needs wrk (Debian, Ubuntu: apt install wrk).")


@contextmanager
def pinned_server(
    words: Sequence[str], *, folder: Path, port: int, path: str, core: int, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server on one core until the end; it is ready when ``path`` answers."""
    with (
        (folder / "bench-server.log").open("ab") as log,
        subprocess.Popen(  # noqa: S603  the words are the benchmark's own
            ["taskset", "-c", str(core), sys.executable, *words],  # noqa: S607
            cwd=folder,
            env=clean_environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            wait_until_ready(process, port, path)
            yield process
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def wait_until_ready(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.002)
    sys.exit("a server of the benchmark did not start; its log is bench-server.log")


def post_load(
    port: int, path: str, bodies: Path, *, core: int, seconds: float, is_once: bool = False
) -> Measured:
    """POST the lines of a file over kept connections, again and again or each once."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "load.lua"
        script.write_text(_SCRIPT)
        command = [
            "taskset", "-c", str(core), "wrk", f"-c{CONNECTIONS}", "-t1", f"-d{seconds:.0f}s",
            "-s", str(script), f"http://127.0.0.1:{port}", "--", str(bodies), path,
            "once" if is_once else "again",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return msgspec.json.decode(done.stdout[done.stdout.index('{"requests"') :], type=Measured)


def resident_bytes(process: subprocess.Popen[bytes]) -> int:
    """Read what a process keeps in memory. Linux only, like the rest of the benchmarks."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell the resident size")


def settings_of(db_path: Path, port: int) -> Mapping[str, str]:
    """A server that sells for real, so to speak: no sandbox, no rate limits, quiet."""
    return {
        "KEYSAT_DB_PATH": str(db_path),
        "KEYSAT_BIND": f"127.0.0.1:{port}",
        "KEYSAT_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "KEYSAT_ADMIN_API_KEY": "an-admin-key-of-more-than-32-bytes",
        "KEYSAT_RATE_LIMITS": "0",
        "KEYSAT_LOG_LEVEL": "warning",
    }
