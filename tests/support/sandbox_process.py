"""The ports of a server in sandbox mode, for a process that is none."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keysat_adapters.sandbox.gate import load_sandbox
from keysat_cli.environment import load_environment
from keysat_cli.settings import read_serve_settings
from keysat_cli.wiring import CLOCK, ENTROPY, open_wiring
from keysat_core.ports.bundle import Ports


@contextmanager
def open_sandboxed() -> Iterator[Ports]:
    """Open the database the environment names with its pretend provider; webhooks wait."""
    settings = read_serve_settings(load_environment(os.environ, Path.cwd()))
    with open_wiring(
        settings.store,
        is_migrating=False,
        sandbox_loader=lambda: load_sandbox(
            is_sandbox_mode=True,
            ledger_path=settings.store.sandbox_path,
            public_base=settings.public_url,
            clock=CLOCK,
            entropy=ENTROPY,
            send=lambda *_: None,
            after_act=lambda: None,
        ),
    ) as wiring:
        yield wiring.ports
