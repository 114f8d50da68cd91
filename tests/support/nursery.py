"""Real processes of Keysat, born in milliseconds: servers and commands, forked with imports done."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Condition, Lock, Thread
from typing import Final

import msgspec

from tests.support.nursery_orders import Order, Report
from tests.support.program import ADMIN_KEY, clean_environment
from tests.support.tree import ROOT

PATIENCE_SECONDS: Final = 30.0
GLANCE_SECONDS: Final = 0.002


@dataclass(frozen=True, kw_only=True)
class Child:
    """One process; ``out`` and ``err`` are the files it writes to."""

    pid: int
    out: Path
    err: Path
    nursery: "Nursery"

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number if one ended it."""
        return self.nursery.ended.get(self.pid)

    def wait(self) -> int:
        """Wait for the end and give the exit code."""
        return self.nursery.await_end(self.pid)

    def end(self) -> int:
        """Tell it to stop and give its exit code."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    def said(self) -> str:
        """Everything it has written so far, for a failure's message."""
        return "".join(file.read_text(errors="replace") for file in (self.out, self.err))


class Nursery:
    """Orders processes and hears of their ends. Threads may share it."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self.ended: dict[int, int] = {}
        self._process = process
        self._folder = folder
        self._numbers = count()
        self._pids: dict[int, int] = {}
        self._heard = Condition()
        self._speaking = Lock()
        Thread(target=self._listen, name="nursery", daemon=True).start()

    def bear(
        self,
        task: str,
        *words: str,
        folder: Path,
        variables: Mapping[str, str],
        is_bound_by_modes: bool = False,
    ) -> Child:
        """Start a process; ``is_bound_by_modes``: even if the tests run as root."""
        number = next(self._numbers)
        order = Order(
            number=number,
            task=task,
            words=words,
            folder=str(folder),
            variables=dict(variables),
            out=str(self._folder / f"{number}.out"),
            err=str(self._folder / f"{number}.err"),
            is_bound_by_modes=is_bound_by_modes,
        )
        for file in (order.out, order.err):
            Path(file).touch()
        assert self._process.stdin is not None
        with self._speaking:
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")
            self._process.stdin.flush()
        with self._heard:
            assert self._heard.wait_for(lambda: number in self._pids, PATIENCE_SECONDS)
        return Child(pid=self._pids[number], out=Path(order.out), err=Path(order.err), nursery=self)

    def await_end(self, pid: int) -> int:
        with self._heard:
            assert self._heard.wait_for(lambda: pid in self.ended, PATIENCE_SECONDS), pid
        return self.ended[pid]

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            report = msgspec.json.decode(line, type=Report)
            with self._heard:
                if report.number is not None:
                    self._pids[report.number] = report.pid
                if report.status is not None:
                    self.ended[report.pid] = report.status
                self._heard.notify_all()


class Serving(msgspec.Struct, frozen=True):
    """The line a server prints once it listens."""

    url: str


@dataclass(kw_only=True)
class Household:
    """One database's folder and the processes on it."""

    nursery: Nursery
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def db_path(self) -> Path:
        return self.folder / "keysat.db"

    @property
    def books_path(self) -> Path:
        return self.folder / "keysat-sandbox.db"

    @property
    def activity_path(self) -> Path:
        return self.folder / "keysat-activity.db"

    @property
    def settings(self) -> dict[str, str]:
        return {
            "KEYSAT_DB_PATH": str(self.db_path),
            "KEYSAT_BIND": "127.0.0.1:0",
            "KEYSAT_PUBLIC_URL": "http://keysat.example",
            "KEYSAT_ADMIN_API_KEY": ADMIN_KEY,
            "KEYSAT_SANDBOX_MODE": "1",
            "KEYSAT_TRUSTED_PROXIES": "127.0.0.1",
        } | self.variables

    def start(self, task: str, *words: str, is_bound_by_modes: bool = False) -> Child:
        return self.nursery.bear(
            task,
            *words,
            folder=self.folder,
            variables=self.settings,
            is_bound_by_modes=is_bound_by_modes,
        )

    def command(self, *words: str) -> str:
        """Run ``keysat WORDS`` in a process of its own; it must succeed. Give what it printed."""
        child = self.start("keysat", *words)
        assert child.wait() == 0, child.said()
        return child.out.read_text()

    def serve(
        self, task: str = "keysat", *words: str, is_bound_by_modes: bool = False
    ) -> tuple[Child, str]:
        """Start a server and give its address once it listens; "" if it ended before."""
        child = self.start(
            task, *(words or ("serve", "--json")), is_bound_by_modes=is_bound_by_modes
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while child.exit_code is None:
            line = child.out.read_bytes()
            if line.endswith(b"\n"):
                return child, msgspec.json.decode(line, type=Serving).url
            assert time.monotonic() < deadline, child.said()
            time.sleep(GLANCE_SECONDS)
        return child, ""


@contextmanager
def open_nursery(folder: Path) -> Iterator[Nursery]:
    """Keep a nursery, whose children write to the folder, and end them all."""
    folder.mkdir(exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.nursery_process"],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            yield Nursery(process, folder)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(PATIENCE_SECONDS)
