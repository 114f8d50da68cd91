"""The keys of scripts and helpers. Source: admin-api 7, Settings."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.access import ROLE_SCOPES, Role
from keysat_core.domain.actor import Scope
from keysat_core.use_cases.access.list_keys import list_keys
from keysat_core.use_cases.access.list_sessions import list_sessions
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.tables import SHOWN_ROWS, Rows, offset_of
from keysat_http.uses import UseBook
from keysat_http.web_sessions import WebSessions

WRITING: Final = ":write"
"""How the scopes end that let one change something."""
ROLE_WORDS: Final = {
    Role.READ_ONLY: "For figures and checks: looks at everything.",
    Role.LICENSE_ISSUER: "For scripts that hand out licenses.",
    Role.SUPPORT: "For who helps buyers.",
    Role.MERCHANT_ONBOARD: "For who sets up what is sold.",
    Role.FULL_ADMIN: "For who runs the shop, without payment accounts, keys and what is the master's alone.",
}


@screen("/admin/api-keys", needs=Scope.MASTER)
def show_api_keys(
    frame: NamedDependency[Frame],
    uses: NamedDependency[UseBook],
    sessions: NamedDependency[WebSessions],
) -> Response[str]:
    """List API keys, newest first, revoked ones too."""
    uses.flush()
    offset = offset_of(frame.query)
    page = list_keys(frame.actor, limit=SHOWN_ROWS, offset=offset, store=frame.ports.store)
    signed_in = list_sessions(
        frame.actor,
        master_key_hash=sessions.master_key_hash,
        store=frame.ports.store,
        clock=frame.ports.clock,
    )
    return frame.page(
        "admin/api_keys.html",
        sessions=Counter(one.key.id for one in signed_in if one.key is not None),
        listed=Rows(rows=page.keys, offset=offset, limit=SHOWN_ROWS, total=page.total),
        roles=[
            (role, ROLE_WORDS[role], _changed(ROLE_SCOPES[role]), sorted(ROLE_SCOPES[role]))
            for role in Role
        ],
    )


def _changed(scopes: Iterable[Scope]) -> str:
    """Say what a role changes, in the words of its scopes."""
    things = sorted(
        scope.removesuffix(WRITING).replace("_", " ") for scope in scopes if scope.endswith(WRITING)
    )
    return ", ".join(things) or "nothing"
