"""The password of the admin pages. Source: admin-api 1.4 and 2.2."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.secret import Secret
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.access import set_password as setting
from keysat_http.routes import post
from keysat_http.views.web_password import WebPasswordChange

_TAGS: Final = ("sign in",)


class NewWebPassword(msgspec.Struct, frozen=True, kw_only=True):
    """A password of 12 bytes or more."""

    password: str


@post("/v1/admin/web-password", tags=_TAGS)
def set_web_password(
    data: JSONBody[NewWebPassword], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> WebPasswordChange:
    """Set the password of the admin pages, and sign everybody out."""
    setting.set_password(
        actor,
        Secret(data.password),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        passwords=ports.passwords,
    )
    return WebPasswordChange()
