"""``keysat serve``: the server, until it is told to stop."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import msgspec
import structlog

from keysat_cli.application import open_application
from keysat_cli.checkup.quick import QuickCheckup
from keysat_cli.groups import JSONCommand
from keysat_cli.listening import refuse_taken
from keysat_cli.output import OutputLost, emit, flush_output, note
from keysat_cli.session import environment
from keysat_cli.settings import ServeSettings, read_serve_settings
from keysat_cli.version import package_version
from keysat_http.app import Application
from keysat_http.logs import configure_logs
from keysat_http.serve import run_server

log = structlog.get_logger("keysat.cli")


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """Printed once connections are accepted."""

    ok: bool
    version: str
    url: str
    public_url: str
    db_path: str
    sandbox: bool


@click.command(cls=JSONCommand)
def serve() -> None:
    """Run the server.

    It needs KEYSAT_ADMIN_API_KEY and KEYSAT_PUBLIC_URL, stops at SIGTERM or Ctrl-C with every
    accepted request answered, and then exits with 0.
    """
    known = environment()
    settings = read_serve_settings(known)
    configure_logs(settings.log_level)
    refuse_taken(settings.bind, setting="KEYSAT_BIND")
    if settings.metrics_bind is not None:
        refuse_taken(settings.metrics_bind, setting="KEYSAT_METRICS_BIND")
    if settings.store.is_sandbox:
        note("SANDBOX MODE: payments are pretended. Never sell for real money like this.")
    checkup = QuickCheckup(settings=settings.store, environment=known, folder=Path.cwd())
    with (
        open_application(settings, checkup=checkup) as opened,
        _metrics_served(settings, opened.app),
    ):
        run_server(
            opened.app,
            host=settings.bind.host,
            port=settings.bind.port,
            ready=_ready(settings, opened.listens),
        )


@contextmanager
def _metrics_served(settings: ServeSettings, app: Application) -> Iterator[None]:
    """Serve the metrics without a credential where the operator said so, and nowhere else."""
    bind = settings.metrics_bind
    if bind is None:
        yield
        return
    with app.metrics.listening(bind.host, bind.port) as port:
        log.info("metrics_listening", host=bind.host, port=port)
        if not bind.is_private:
            log.warning("metrics_open_to_strangers", host=bind.host, port=port)
        yield


def _ready(settings: ServeSettings, listens: Callable[[int], None]) -> Callable[[int], None]:
    def ready(port: int) -> None:
        listens(port)
        url = f"http://{settings.bind.own_host}:{port}"
        view = Serving(
            ok=True,
            version=package_version(),
            url=url,
            public_url=settings.public_url,
            db_path=str(settings.store.db_path),
            sandbox=settings.store.is_sandbox,
        )
        lines = [
            f"Keysat {view.version} listens on {url} as {view.public_url}.",
            f"Database: {view.db_path}",
        ]
        # Nobody may be reading, which is no reason not to serve.
        with suppress(BrokenPipeError, OutputLost):
            emit(view, lines)
            flush_output()

    return ready
