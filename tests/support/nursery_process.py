"""A process that has everything imported and forks a Keysat when it is told to.

``python -m tests.support.nursery_process`` reads one JSON order a line and writes one JSON report a
line: a process took up an order, a process ended. It has a single thread, so that a fork is whole;
at the end of its input it kills what still runs.
"""

import ctypes
import gc
import os
import select
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

import msgspec

# What the children would otherwise import each for itself.
import keysat_cli.application
import keysat_cli.commands.license
import keysat_cli.commands.machine
import keysat_cli.commands.serve  # noqa: F401
from keysat_cli.main import main as run_program
from tests.support import contenders, faulty_server
from tests.support.nursery_orders import Order, Report
from tests.support.program import OWN_PREFIXES

CRASH_EXIT_CODE: Final = 70


TASKS: Final[Mapping[str, Callable[[], object]]] = {
    "keysat": run_program,
    "faulty server": faulty_server.main,
    "contender": contenders.main,
}


def main() -> None:
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    gc.collect()
    gc.freeze()
    children: set[int] = set()
    is_open = True
    while is_open:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4_096)
            _bury(children)
        if 0 in ready:
            # Orders are shorter than what a pipe takes in one piece, and are sent one by one.
            line = os.read(0, 65_536)
            is_open = bool(line)
            for each in line.splitlines():
                children.add(_take_up(msgspec.json.decode(each, type=Order)))
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _bury(children: set[int]) -> None:
    while children:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        children.discard(pid)
        _say(Report(pid=pid, status=os.waitstatus_to_exitcode(status)))


def _take_up(order: Order) -> int:
    pid = os.fork()
    if pid == 0:
        _be_born(order)
    _say(Report(pid=pid, number=order.number))
    return pid


def _say(report: Report) -> None:
    os.write(1, msgspec.json.encode(report) + b"\n")


def _be_born(order: Order) -> NoReturn:
    code = CRASH_EXIT_CODE
    try:
        _settle_in(order)
        TASKS[order.task]()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  nothing may return into the parent's loop
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _settle_in(order: Order) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, name in ((0, os.devnull), (1, order.out), (2, order.err)):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        opened = os.open(name, flags, 0o666)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(Path(order.folder))
    if order.is_bound_by_modes and os.geteuid() == 0:
        _give_up_capabilities()
    for name in [name for name in os.environ if name.startswith(OWN_PREFIXES)]:
        del os.environ[name]
    os.environ.update(order.variables)
    sys.argv = ["keysat", *order.words]


def _give_up_capabilities() -> None:
    """Stay root, but without root's power over file modes. Source: capset(2), version 3."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("<Ii", 0x2008_0522, 0)
    nothing = bytes(2 * 3 * 4)
    if libc.capset(header, nothing) != 0:
        raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    main()
