"""``keysat db-info``: the database as a whole."""

import click
import msgspec

from keysat_cli.groups import JSONCommand
from keysat_cli.output import emit, facts
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.use_cases.server.show_database import show_database
from keysat_http.views.database import database_view


@click.command("db-info", cls=JSONCommand)
def db_info() -> None:
    """Tell where the database is, how large it is, and how many rows it has."""
    with open_shop() as ports:
        info = show_database(OPERATOR, store=ports.store)
    view = database_view(info)
    pairs: list[tuple[str, object]] = [
        ("file", view.db_path),
        ("bytes", view.db_size_bytes),
        ("bytes of log", view.wal_size_bytes),
        ("schema", view.schema_version),
        ("last write", view.last_write_at),
    ]
    counted = msgspec.structs.asdict(info.counts).items()
    emit(view, facts([*pairs, *((name.replace("_", " "), count) for name, count in counted)]))
