"""Logos of sellers, for the pages of buyers."""

from typing import Annotated, Final

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from keysat_core.domain.ids import MerchantProfileId
from keysat_core.errors import NotFound
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.merchants.set_logo import find_logo
from keysat_http.routes import get

FOR_GOOD: Final = "public, max-age=31536000, immutable"
"""An address with the picture's version never has another picture."""
FOR_NOW: Final = "public, max-age=300"


@get("/logo/{profile_id:str}", raises=[NotFound], is_inline=True, tags=["pages"])
def get_logo(
    profile_id: FromPath[str],
    ports: NamedDependency[Ports],
    version: Annotated[str, QueryParameter(name="v")] = "",
) -> Response[bytes]:
    """Give the picture of a seller."""
    logo = find_logo(MerchantProfileId(profile_id), store=ports.store)
    if logo is None:
        raise NotFound("logo", profile_id)
    headers = {
        "cache-control": FOR_GOOD if version == logo.version else FOR_NOW,
        # Nothing in a picture may run, also when it is opened by itself.
        "content-security-policy": "default-src 'none'; sandbox",
        "etag": f'"{logo.version}"',
    }
    return Response(logo.content, media_type=logo.media_type, headers=headers)
