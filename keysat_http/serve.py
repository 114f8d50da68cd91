"""Running the application under uvicorn until a signal, and stopping in time."""

import gc
import os
import resource
import signal
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from socket import socket
from threading import Timer, current_thread, main_thread
from types import FrameType
from typing import Final

import structlog
import uvicorn
from litestar.concurrency import set_asyncio_executor

from keysat_http.app import Application
from keysat_http.connections import BoundedProtocol
from keysat_http.limits import (
    CONNECTIONS_MAX,
    EXIT_SECONDS,
    GRACEFUL_SECONDS,
    KEEP_ALIVE_SECONDS,
    OPEN_FILES,
    WORKER_THREADS,
)

STUCK_EXIT_CODE: Final = 1

log = structlog.get_logger("keysat.http")


def run_server(
    app: Application,
    *,
    host: str,
    port: int,
    ready: Callable[[int], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then return with every accepted request answered.

    Args:
        app: What ``create_app`` gave.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        ready: Called with the bound port once connections are accepted.

    Raises:
        SystemExit: the address is taken, or the application did not start.
    """
    _raise_open_files_limit()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        interface="asgi3",
        http=BoundedProtocol,
        loop="uvloop",
        ws="none",
        lifespan="on",
        workers=1,
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    executor = ThreadPoolExecutor(WORKER_THREADS, thread_name_prefix="handler")
    set_asyncio_executor(executor)
    try:
        _Server(config, app, ready).run()
    finally:
        set_asyncio_executor(None)
        executor.shutdown(wait=False, cancel_futures=True)


class _Server(uvicorn.Server):
    """uvicorn's server, which tells the application of the stop first and exits with 0."""

    def __init__(
        self, config: uvicorn.Config, app: Application, ready: Callable[[int], None]
    ) -> None:
        super().__init__(config)
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        # What exists now lives as long as the process, so the collector need not look at it again.
        gc.collect()
        gc.freeze()
        self._ready(self.servers[0].sockets[0].getsockname()[1])

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        # Ticks wind down while requests do, not after them: together they have EXIT_SECONDS.
        self._app.lifecycle.begin_stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle the signals without raising them again at the end, which would lose exit code 0."""
        if current_thread() is not main_thread():
            yield
            return
        handled = (signal.SIGINT, signal.SIGTERM)
        previous = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            # A handler stuck in a thread would keep the interpreter from ending by itself.
            forced = Timer(EXIT_SECONDS, _exit_by_force)
            forced.daemon = True
            forced.start()
        super().handle_exit(sig, frame)


def _exit_by_force() -> None:
    log.error("exit_forced", after_seconds=EXIT_SECONDS)
    os._exit(STUCK_EXIT_CODE)


def _raise_open_files_limit() -> None:
    """Ask for enough descriptors; many systems start a process with 1 024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = OPEN_FILES if hard == unlimited else min(OPEN_FILES, hard)
    if soft != unlimited and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
