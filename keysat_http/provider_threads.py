"""Threads of their own for calls to payment providers (ARCHITECTURE, Threads).

A provider that hangs fills these and nothing else: validation and the rest go on.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, TypeVar

T = TypeVar("T")

PROVIDER_THREADS: Final = 16
"""Calls to providers that run at once; more wait, and a purchase waits at most its deadline."""


class ProviderThreads:
    """Runs blocking calls; share one per application."""

    def __init__(self, threads: int = PROVIDER_THREADS) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="provider")

    async def run(self, call: Callable[[], T]) -> T:
        """Give what the call gives. When cancelled, the call goes on but nobody waits for it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, copy_context().run, call)
