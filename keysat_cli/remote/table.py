"""Every command, by where it can run. A new command gets a row here: a test walks all of them.

To let one run elsewhere, write a function in the module of ``rows`` for its area that turns the
command's parameters into requests and gives what the local command prints with ``--json``; add it to
that module's ``ROWS``. A command that cannot gets a row in ``LOCAL_ONLY`` with the reason, which
people read behind "runs only where the database is".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keysat_cli.output import emit
from keysat_cli.remote.api import API
from keysat_cli.remote.row import Params, Remote
from keysat_cli.remote.rows import access, catalog, exports, merchants, outside, sales, server
from keysat_cli.remote.rows.queries import audit_query


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalOnly:
    """Why a command runs here. ``is_free``: it needs no database, so it runs whatever was chosen."""

    reason: str
    is_free: bool = False


def _public_key(api: API, p: Params) -> None:
    """Print it as the local command does: lines of a PEM are nothing to tidy up."""
    del p
    shown = api.read("/v1/pubkey")
    emit(shown, [shown["public_key_pem"].rstrip("\n")])


def _audit(api: API, p: Params) -> Any:
    return api.get("audit", **{name: p[name] for name in _PAGE if name in p}, **audit_query(p))


_PAGE: Final = ("limit", "offset", "before_id")

REMOTE: Final[Mapping[str, Remote]] = {
    **access.ROWS,
    **catalog.ROWS,
    **sales.ROWS,
    **outside.ROWS,
    **merchants.ROWS,
    **server.ROWS,
    "key public": Remote(run=_public_key),
    **exports.ROWS,
    "audit list": Remote(run=_audit, columns=("id", "occurred_at", "action", "target_id")),
}

_FILES: Final = "it works on the database's files"
_FREE: Final = LocalOnly(reason="it needs no server", is_free=True)

LOCAL_ONLY: Final[Mapping[str, LocalOnly]] = {
    "serve": LocalOnly(reason="it is the server"),
    "worker": LocalOnly(reason="it runs the server's background jobs"),
    "demo": LocalOnly(reason="it is a server of its own"),
    "reconcile": LocalOnly(reason="it runs one of the server's background jobs"),
    "migrate": LocalOnly(reason=_FILES),
    "backup": LocalOnly(reason=_FILES),
    "backups": LocalOnly(reason=_FILES),
    "verify": LocalOnly(reason=_FILES),
    "restore": LocalOnly(reason=_FILES),
    "import": LocalOnly(reason=_FILES),
    "doctor": LocalOnly(reason="it looks at the database, its files and its machine"),
    "password clear": LocalOnly(reason="the admin API has no operation for it"),
    "audit verify": LocalOnly(reason="it reads every row of the log"),
    "license issue-many": LocalOnly(reason="all are issued in one transaction, or none"),
    "license key": LocalOnly(reason="the admin API never shows the key of a license again"),
    "key verify": _FREE,
    "key inspect": _FREE,
    "schema write": _FREE,
    "schema check": _FREE,
    "completion": _FREE,
    "login": _FREE,
    "logout": _FREE,
    "logins": _FREE,
}
