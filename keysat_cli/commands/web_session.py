"""``keysat session``: who is signed in to the admin pages."""

from hashlib import sha256
from typing import Final

import click

from keysat_cli.groups import NounGroup
from keysat_cli.options import confirm, dry_run_option, yes_option
from keysat_cli.output import emit, listing, time_text
from keysat_cli.session import OPERATOR, environment, open_shop
from keysat_core.use_cases.access.end_sessions import end_other_sessions, end_session
from keysat_core.use_cases.access.list_sessions import list_sessions
from keysat_http.views.web_session import (
    EndedWebSession,
    EndedWebSessions,
    web_session_list_view,
)

HEADINGS: Final = ("session", "signed in with", "since", "last seen", "ends", "address")


@click.group(cls=NounGroup)
def session() -> None:
    """See who is signed in to the admin pages, and sign them out."""


@session.command("list")
def list_() -> None:
    """List open sessions, the one seen last first.

    Those opened with a master key count only where KEYSAT_ADMIN_API_KEY is that of the server.
    """
    master_key = environment().find("KEYSAT_ADMIN_API_KEY") or ""
    with open_shop() as ports:
        found = list_sessions(
            OPERATOR,
            master_key_hash=sha256(master_key.encode("utf-8")).hexdigest(),
            store=ports.store,
            clock=ports.clock,
        )
    rows = [
        (
            one.session.name,
            one.session.means if one.key is None else f"{one.session.means} {one.key.label}",
            time_text(one.session.created_at),
            time_text(one.session.last_seen_at),
            time_text(one.session.expires_at),
            one.session.ip,
        )
        for one in found
    ]
    emit(web_session_list_view(found, OPERATOR), listing(HEADINGS, rows, noun="sessions"))


@session.command()
@click.argument("session_name", metavar="SESSION")
@yes_option
@dry_run_option
def end(session_name: str, *, is_yes: bool) -> None:
    """Sign somebody out; the next request is refused."""
    confirm(f"End the session {session_name}?", is_yes=is_yes)
    with open_shop() as ports:
        ended = end_session(OPERATOR, session_name, store=ports.store, clock=ports.clock)
    emit(EndedWebSession(name=ended.name), [f"Ended {ended.name}."])


@session.command("end-others")
@click.argument("keep", metavar="SESSION")
@yes_option
@dry_run_option
def end_others(keep: str, *, is_yes: bool) -> None:
    """Sign out everybody but SESSION."""
    confirm(f"End every session but {keep}?", is_yes=is_yes)
    with open_shop() as ports:
        ended = end_other_sessions(OPERATOR, keep, store=ports.store, clock=ports.clock)
    emit(EndedWebSessions(ended=ended), [f"Ended {ended}."])
