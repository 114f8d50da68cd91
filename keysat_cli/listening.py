"""Addresses to listen on: whether one can be had, said early and in words."""

import socket

from keysat_cli.bind import Bind
from keysat_core.errors import ConfigurationError


def refuse_taken(bind: Bind, *, setting: str) -> None:
    """Let through only an address this process can listen on.

    Raises:
        ConfigurationError: it cannot; ``setting`` is what to change.
    """
    try:
        _listen_once(bind)
    except OSError as exc:
        raise ConfigurationError(
            setting,
            f"cannot listen on {bind.host} port {bind.port}: {exc.strerror}; "
            "stop what uses it, or choose another",
        ) from exc


def free_port(host: str, *, preferred: int) -> int:
    """Give the preferred port if it is free, else any free one."""
    try:
        return _listen_once(Bind(host=host, port=preferred))
    except OSError:
        return _listen_once(Bind(host=host, port=0))


def _listen_once(bind: Bind) -> int:
    family = socket.AF_INET6 if ":" in bind.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server itself will do, so that a port just left does not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((bind.host, bind.port))
        return int(probe.getsockname()[1])
