"""The keys of scripts and helpers. Source: admin-api 7, Settings."""

from typing import Final

from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.access import ROLE_SCOPES, Role
from keysat_core.domain.actor import Scope
from keysat_core.use_cases.access.list_keys import list_keys
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.tables import SHOWN_ROWS, Rows, offset_of
from keysat_http.uses import UseBook

ROLE_WORDS: Final = {
    Role.READ_ONLY: "Looks at everything and changes nothing.",
    Role.LICENSE_ISSUER: "Issues and changes licenses.",
    Role.SUPPORT: "Helps buyers: licenses, subscriptions and machines.",
    Role.MERCHANT_ONBOARD: "Sets up what is sold: products, tiers and licenses.",
    Role.FULL_ADMIN: "Everything but payment accounts, other keys and what is the master's alone.",
}


@screen("/admin/api-keys", needs=Scope.MASTER)
def show_api_keys(frame: NamedDependency[Frame], uses: NamedDependency[UseBook]) -> Response[str]:
    """List API keys, newest first, revoked ones too."""
    uses.flush()
    offset = offset_of(frame.query)
    page = list_keys(frame.actor, limit=SHOWN_ROWS, offset=offset, store=frame.ports.store)
    return frame.page(
        "admin/api_keys.html",
        listed=Rows(rows=page.keys, offset=offset, limit=SHOWN_ROWS, total=page.total),
        roles=[
            (role, ROLE_WORDS[role], sorted(scope.value for scope in ROLE_SCOPES[role]))
            for role in Role
        ],
    )
