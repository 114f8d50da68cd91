"""Threads of their own for calls to payment providers (ARCHITECTURE, Threads).

A provider that hangs fills these and nothing else: validation and the rest go on.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from keysat_http.daemon_threads import in_daemon_thread

T = TypeVar("T")

PROVIDER_THREADS: Final = 16
"""Calls to providers that run at once; more wait, and a purchase waits at most its deadline."""


class ProviderThreads:
    """Runs blocking calls; share one per application."""

    def __init__(self, threads: int = PROVIDER_THREADS) -> None:
        self._free = asyncio.Semaphore(threads)

    async def run(self, call: Callable[[], T]) -> T:
        """Give what the call gives. Cancelled or not, its thread is taken until it really ends."""
        await self._free.acquire()
        return await in_daemon_thread(call, name="provider", on_end=self._free.release)
