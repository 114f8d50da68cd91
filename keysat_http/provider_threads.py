"""Threads of their own for calls to payment providers (ARCHITECTURE, Threads).

A provider that hangs fills its own threads and nothing else: validation, the other providers and the
rest go on.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from keysat_core.domain.ids import ProviderAccountId
from keysat_http.daemon_threads import in_daemon_thread
from keysat_http.limits import LOOK_SECONDS

T = TypeVar("T")

PROVIDER_THREADS: Final = 16
"""Calls for one account that run at once; more wait, and a purchase waits at most its deadline."""


class ProviderThreads:
    """Runs blocking calls; share one per application.

    Each account has ``threads`` of its own. Calls that belong to no account yet share as many.
    ``look_seconds``: how long a webhook's answer may wait for a look at its invoice.
    """

    def __init__(
        self, threads: int = PROVIDER_THREADS, *, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self.look_seconds = look_seconds
        self._threads = threads
        self._free: dict[ProviderAccountId | None, asyncio.Semaphore] = {}

    async def run(self, call: Callable[[], T], *, account_id: ProviderAccountId | None = None) -> T:
        """Give what the call gives. Cancelled or not, its thread is taken until it really ends.

        ``account_id`` must be that of a stored account, never what a stranger says: each that is
        named here is remembered.
        """
        free = self._free.get(account_id)
        if free is None:
            free = self._free[account_id] = asyncio.Semaphore(self._threads)
        await free.acquire()
        return await in_daemon_thread(call, name="provider", on_end=free.release)
