"""The ``keysat`` on the path of pages under test: has the process of ``keysat_forks`` run a command.

Started with ``python -I -S``, so that it takes a few milliseconds. It behaves as the command does: the
same output and exit code, and a signal that ends it ends the command.
"""

import json
import os
import signal
import socket
import sys

with socket.socket(socket.AF_UNIX) as forks:
    forks.connect(sys.argv[1])
    umask = os.umask(0)
    os.umask(umask)
    order = {
        "words": sys.argv[2:],
        "folder": os.getcwd(),  # noqa: PTH109  pathlib takes as long to import as all of this
        "umask": umask,
        "variables": dict(os.environ),
    }
    socket.send_fds(forks, [json.dumps(order).encode()], [0, 1, 2])
    with forks.makefile("r") as said:
        pid = int(said.readline())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda sent, _: os.kill(pid, sent))
        code = int(said.readline() or "137")
sys.exit(code if code >= 0 else 128 - code)
