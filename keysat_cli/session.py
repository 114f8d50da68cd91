"""One command's visit to the database: settings read, ports opened, the operator as the actor."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from keysat_adapters.sandbox.gate import Sandbox, load_sandbox
from keysat_adapters.sqlite.connection import is_file_there
from keysat_cli.environment import Environment, load_environment
from keysat_cli.output import is_dry_run, note, note_change
from keysat_cli.settings import WorkerSettings, read_store_settings, read_worker_settings
from keysat_cli.wiring import CLOCK, ENTROPY, open_wiring
from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind
from keysat_core.errors import StoreUnavailable
from keysat_core.ports.bundle import Ports
from keysat_http.rehearsal import rehearsed

OPERATOR: Final = Actor(kind=ActorKind.CLI, scopes=EVERY_SCOPE)
"""Whoever may read the database file may do everything."""


def environment() -> Environment:
    """Give this process's settings: its environment and ``.env`` of its working directory.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    return load_environment(os.environ, Path.cwd())


@contextmanager
def open_shop(*, is_creating: bool = False) -> Iterator[Ports]:
    """Open the database the settings name; only with ``is_creating`` make one that is not there.

    A mistyped path must not answer like an empty shop with a key of its own.

    Raises:
        ConfigurationError, StoreBusy, MigrationRefused.
        StoreUnavailable: it does not exist, or cannot be used.
    """
    settings = read_store_settings(environment())
    is_new = not is_file_there(settings.db_path)
    if is_new and not is_creating:
        raise StoreUnavailable(
            f"{settings.db_path} does not exist; set KEYSAT_DB_PATH, or make it with: keysat migrate"
        )
    with open_wiring(settings, is_migrating=is_new) as wiring:
        if is_new:
            note(f"Made a new database: {settings.db_path}")
        yield _as_wanted(wiring.ports)
        if wiring.store.has_changed and not is_dry_run():
            note_change()


@contextmanager
def open_asking_shop() -> Iterator[Ports]:
    """Open the database as ``open_shop`` does, with providers that may be asked, pretend ones too.

    Raises:
        ConfigurationError, StoreBusy, MigrationRefused, ProviderUnavailable.
        StoreUnavailable: it does not exist, or cannot be used.
    """
    settings = read_worker_settings(environment())
    if not is_file_there(settings.store.db_path):
        raise StoreUnavailable(
            f"{settings.store.db_path} does not exist; set KEYSAT_DB_PATH, or make it with:"
            " keysat migrate"
        )
    loader = (lambda: _silent_sandbox(settings)) if settings.store.is_sandbox else None
    with open_wiring(settings.store, is_migrating=False, sandbox_loader=loader) as wiring:
        try:
            yield _as_wanted(wiring.ports)
        finally:
            if wiring.sandbox is not None:
                wiring.sandbox.close()
        if wiring.store.has_changed and not is_dry_run():
            note_change()


def _as_wanted(ports: Ports) -> Ports:
    return rehearsed(ports) if is_dry_run() else ports


def _silent_sandbox(settings: WorkerSettings) -> Sandbox:
    """Open the sandbox to look into it; its webhooks are left to the server."""
    return load_sandbox(
        is_sandbox_mode=True,
        ledger_path=settings.store.sandbox_path,
        public_base=settings.public_url,
        clock=CLOCK,
        entropy=ENTROPY,
        send=lambda _path, _headers, _body: None,
        after_act=lambda: None,
    )
