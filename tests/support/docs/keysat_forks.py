"""A process with the whole program imported that forks a ``keysat`` for whoever asks at its socket.

``python -m tests.support.docs.keysat_forks SOCKET`` listens; ``keysat_call.py`` asks. So a page with
fifty commands is run in seconds, and each command still is a process of its own with its own words,
folder, variables, standard streams and exit code.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import Final, NoReturn

# What the children would otherwise import each for itself.
import keysat_cli.application
import keysat_cli.commands.serve  # noqa: F401
from keysat_cli.main import COMMANDS, main

STREAMS: Final = 3
ORDER_BYTES_MAX: Final = 1 << 18
CRASH_EXIT_CODE: Final = 70


def serve(path: str) -> None:
    """Fork until the standard input ends, then kill what still runs."""
    for module, _ in COMMANDS.values():
        import_module(module)
    gc.collect()
    gc.freeze()
    children: dict[int, socket.socket] = {}
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(64)
    woken, wake = socket.socketpair()
    wake.settimeout(0)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        for one in (sys.stdin, listening, woken):
            selector.register(one, selectors.EVENT_READ)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            for key, _ in selector.select():
                if key.fileobj is listening:
                    asking = listening.accept()[0]
                    children[_fork(asking)] = asking
                elif key.fileobj is woken:
                    woken.recv(4_096)
                    _bury(children)
                else:
                    _kill(children)
                    return


def _fork(asking: socket.socket) -> int:
    raw, streams, _, _ = socket.recv_fds(asking, ORDER_BYTES_MAX, STREAMS)
    order = json.loads(raw)
    pid = os.fork()
    if pid == 0:
        _be_born(order, streams)
    for stream in streams:
        os.close(stream)
    asking.sendall(b"%d\n" % pid)
    return pid


def _bury(children: dict[int, socket.socket]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        asking = children.pop(pid)
        with suppress(OSError):
            asking.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
        asking.close()


def _kill(children: dict[int, socket.socket]) -> None:
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _be_born(order: dict[str, object], streams: list[int]) -> NoReturn:
    code = CRASH_EXIT_CODE
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(STREAMS, 64)
        os.chdir(str(order["folder"]))
        os.umask(int(str(order["umask"])))
        os.environ.clear()
        os.environ.update(dict(order["variables"]))  # type: ignore[call-overload]
        sys.argv = ["keysat", *map(str, list(order["words"]))]  # type: ignore[call-overload]
        main()
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


if __name__ == "__main__":
    serve(sys.argv[1])
