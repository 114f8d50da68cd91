"""Blocking calls in daemon threads, which cannot keep a stopped server from ending when they hang.

A pool's threads could: the interpreter waits for them at exit.
"""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


async def in_daemon_thread(
    call: Callable[[], T], *, name: str, on_end: Callable[[], None] = lambda: None
) -> T:
    """Give what the call gives, or raise what it raises.

    When cancelled, the call goes on but nobody waits for it. ``on_end`` is called on the event loop
    when the call has really ended, waited for or not.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def end(deliver: Callable[[], None]) -> None:
        on_end()
        if not done.done():
            deliver()

    def work() -> None:
        try:
            result = call()
        except BaseException as exc:  # noqa: BLE001  a thread has nobody else to tell
            failure = exc if isinstance(exc, Exception) else RuntimeError(repr(exc))
            deliver: Callable[[], None] = _fail(done, failure)
        else:
            deliver = _succeed(done, result)
        if not loop.is_closed():
            loop.call_soon_threadsafe(end, deliver)

    Thread(target=copy_context().run, args=(work,), name=name, daemon=True).start()
    return await done


def _succeed(done: "asyncio.Future[T]", result: T) -> Callable[[], None]:
    return lambda: done.set_result(result)


def _fail(done: "asyncio.Future[T]", failure: Exception) -> Callable[[], None]:
    return lambda: done.set_exception(failure)
