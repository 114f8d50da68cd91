"""The picture of a merchant profile. It is sent as base64 in JSON, like everything of this API."""

import binascii
from base64 import b64decode
from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import MerchantProfileId
from keysat_core.errors import InvariantError, NotFound
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.merchants import set_logo as picturing
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import delete, put
from keysat_http.views.merchant import ClearedLogo, SetLogo, cleared_logo_view, set_logo_view

_PATH: Final = "/v1/admin/merchant-profiles/{profile_id:str}/logo"


class LogoPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A PNG, JPEG or WebP picture of at most 32 kB; its content decides, not a name."""

    content: str


@put(_PATH, raises=[NotFound], tags=["merchant profiles"])
def set_merchant_logo(
    data: JSONBody[LogoPicture],
    profile_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> SetLogo:
    """Give a profile the picture that its buyers see."""
    try:
        content = b64decode(data.content, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvariantError("content", "must be base64") from exc
    logo = picturing.set_logo(
        actor,
        MerchantProfileId(profile_id),
        content,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return set_logo_view(logo)


@delete(_PATH, raises=[NotFound], tags=["merchant profiles"], **REHEARSABLE_ROUTE)
def clear_merchant_logo(
    profile_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> ClearedLogo:
    """Take a profile's picture away; fine without one."""
    cleared = picturing.clear_logo(
        actor, MerchantProfileId(profile_id), store=ports.store, clock=ports.clock, ids=ports.ids
    )
    return cleared_logo_view(cleared)
