"""What a validation costs over HTTP, against a bare ASGI application on the same server and core.

The server runs on one core and wrk on another; variants are interleaved, and medians count. It
takes some minutes, most of them to make a database of a million licenses.
"""

import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

import httpx
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair

from tests.support.live_server import free_port
from tests.support.load import (
    Measured,
    cores,
    pinned_server,
    post_load,
    require_wrk,
    resident_bytes,
    settings_of,
)
from tests.support.many_licenses import forge, make_shop
from tests.support.performance_page import keep_result, rows

KEYS: Final = 10_000
COLD_KEYS: Final = 20_000
COLD_SECONDS: Final = 2.0
STRANGERS: Final = 60_000
"""More keys than a server remembers, so that each also makes it forget an older one."""
MANY: Final = 1_000_000
ROUNDS: Final = 5
SECONDS: Final = 4.0
SERVE: Final = ("-m", "keysat_cli", "serve")
VALIDATE: Final = "/v1/validate"


class Bench:
    """Servers over the databases of a folder, each started once and asked in turn."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.core = cores()
        self.ports: dict[str, int] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def shop(self, name: str, *, licenses: int, seated: int) -> Path:
        questions = self.folder / f"{name}.questions"
        make_shop(self.folder / f"{name}.db", licenses=licenses, seated=seated, questions=questions)
        return questions

    def serve(self, name: str, *, database: str) -> float:
        """Start a Keysat and give the seconds until it was ready."""
        port = free_port()
        began = time.perf_counter()
        settings = settings_of(self.folder / f"{database}.db", port)
        self._start(name, SERVE, port, "/readyz", **settings)
        return time.perf_counter() - began

    def serve_floor(self, question: bytes, like: str) -> None:
        """Start the bare application, with the answer of a Keysat to this question."""
        url = f"http://127.0.0.1:{self.ports[like]}{VALIDATE}"
        answer = httpx.post(url, content=question, headers={"Content-Type": "application/json"})
        (self.folder / "answer").write_bytes(answer.content)
        port = free_port()
        words = ("-m", "tests.support.floor_app", str(port), str(self.folder / "answer"))
        self._start("floor", words, port, "/")

    def load(
        self, name: str, questions: Path, *, seconds: float, is_once: bool = False
    ) -> Measured:
        measured = post_load(
            self.ports[name],
            VALIDATE,
            questions,
            core=self.core.load,
            seconds=seconds,
            is_once=is_once,
        )
        if measured.bad:
            sys.exit(f"{measured.bad} requests of {name} failed; nothing here can be trusted")
        return measured

    def ready_seconds(self) -> float:
        """Time a start, and stop the server again."""
        with ExitStack() as stack:
            return Bench(self.folder, stack).serve("ready", database="shop")

    def cold_load(self, name: str, *, keys: int, seconds: float) -> Measured:
        """Ask a server that has just started for keys it has never seen."""
        with ExitStack() as stack:
            bench = Bench(self.folder, stack)
            bench.serve("cold", database=name)
            questions = self.folder / f"{name}.questions"
            measured = bench.load("cold", questions, seconds=seconds, is_once=True)
        if measured.requests >= keys:
            sys.exit("every cold key was asked for before the time was up; make more of them")
        return measured

    def _start(
        self, name: str, words: tuple[str, ...], port: int, path: str, **settings: str
    ) -> None:
        self.ports[name] = port
        server = pinned_server(
            words, folder=self.folder, port=port, path=path, core=self.core.server, **settings
        )
        self.processes[name] = self.stack.enter_context(server)


def verify_seconds() -> float:
    """Time one bare libsodium verify of as many bytes as a key signs."""
    public, secret = crypto_sign_seed_keypair(bytes(32))
    signed = crypto_sign(bytes(92), secret)
    best = float("inf")
    for _ in range(30):
        began = time.perf_counter()
        for _ in range(200):
            crypto_sign_open(signed, public)
        best = min(best, (time.perf_counter() - began) / 200)
    return best


def per_second(runs: list[Measured]) -> float:
    return median(run.per_second for run in runs)


def main() -> None:
    require_wrk()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        bench = Bench(Path(name), stack)
        questions = bench.shop("shop", licenses=KEYS, seated=KEYS)
        bench.shop("many", licenses=MANY, seated=KEYS)
        many_questions = bench.folder / "many.questions"
        bench.shop("cold", licenses=COLD_KEYS, seated=COLD_KEYS)
        bench.shop("strangers", licenses=STRANGERS, seated=STRANGERS)
        forged = bench.folder / "forged.questions"
        forge(questions, forged, every=10)
        ready_seconds = min(bench.ready_seconds() for _ in range(3))
        bench.serve("keysat", database="shop")
        bench.serve("many", database="many")
        bench.serve_floor(questions.read_bytes().split(b"\n", 1)[0], "keysat")
        for server, asked in (("keysat", questions), ("many", many_questions)):
            bench.load(server, asked, seconds=SECONDS)
        floors, warm, many, flood, cold, strangers = [], [], [], [], [], []
        for _ in range(ROUNDS):
            floors.append(bench.load("floor", questions, seconds=SECONDS))
            warm.append(bench.load("keysat", questions, seconds=SECONDS))
            many.append(bench.load("many", many_questions, seconds=SECONDS))
            flood.append(bench.load("keysat", forged, seconds=SECONDS))
            cold.append(bench.cold_load("cold", keys=COLD_KEYS, seconds=COLD_SECONDS))
            strangers.append(bench.cold_load("strangers", keys=STRANGERS, seconds=SECONDS))
        one_verify = verify_seconds()
        resident = max(resident_bytes(bench.processes[name]) for name in ("keysat", "many"))
        floor = per_second(floors)
        cold_bound = 1 / (1 / floor + one_verify)
        spread = median(run.p99_us / run.p50_us for run in warm)
        keep_result(
            "validate_http",
            rows(
                ("POST /v1/validate", "requests/s", "ratio", "of what", "must be"),
                [
                    ("bare ASGI application (floor)", round(floor), "", "", ""),
                    _row("warm", warm, floor, "the floor", "≥ 0.45"),
                    _row("cold", cold, cold_bound, "1 / (floor + one verify)", "≥ 0.50"),
                    _row("cold, 60 000 licenses", strangers, cold_bound, "the same", ""),
                    _row("warm, 1 000 000 licenses", many, per_second(warm), "warm", "≥ 0.85"),
                    _row("warm, every tenth key forged", flood, per_second(warm), "warm", ""),
                    ("p99 of warm", "", f"{spread:.1f}", "its median", "< 5"),
                    ("one libsodium verify", f"{1 / one_verify:.0f}", "", "", ""),
                    ("resident memory", "", f"{resident / 1e6:.0f} MB", "", "< 150 MB"),
                    ("process start to ready", "", f"{ready_seconds:.2f} s", "", "< 1.5 s"),
                ],
            ),
        )


def _row(
    name: str, runs: list[Measured], bound: float, of_what: str, target: str
) -> tuple[str, ...]:
    rate = per_second(runs)
    return name, f"{rate:.0f}", f"{rate / bound:.2f}", of_what, target


if __name__ == "__main__":
    main()
