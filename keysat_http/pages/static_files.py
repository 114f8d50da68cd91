"""Scripts, styles and pictures of the pages. Each file is a route of its own: no path is looked up."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Final

from litestar import Request, Response
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from keysat_http.pages.compression import VARIES, ZIPPED, takes_gzip, zipped
from keysat_http.routes import get

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "keysat.css": "text/css",
    "admin.js": "text/javascript",
    "buy.js": "text/javascript",
    "connect.js": "text/javascript",
    "dialogs.js": "text/javascript",
    "fields.js": "text/javascript",
    "htmx.js": "text/javascript",
    "codes.js": "text/javascript",
    "licenses.js": "text/javascript",
    "reorder.js": "text/javascript",
    "rows.js": "text/javascript",
    "overview.js": "text/javascript",
    "search.js": "text/javascript",
    "sign-in.js": "text/javascript",
    "start.js": "text/javascript",
    "thank-you.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
CACHE_CONTROL: Final = "public, max-age=86400"
"""A day; the version in the address changes with the content."""

_FOLDER: Final = files("keysat_http.pages") / "static"
_CONTENTS: Final[Mapping[str, bytes]] = {
    name: (_FOLDER / name).read_bytes() for name in MEDIA_TYPES
}

_ZIPPED: Final[Mapping[str, bytes]] = {name: zipped(held) for name, held in _CONTENTS.items()}


def address_of(name: str) -> str:
    """Give the address of a file, with a version that changes when its content does."""
    return f"/static/{name}?v={sha256(_CONTENTS[name]).hexdigest()[:12]}"


def _route(name: str) -> HTTPRouteHandler:
    @get(
        f"/static/{name}",
        is_inline=True,
        media_type=MEDIA_TYPES[name],
        include_in_schema=False,
    )
    def get_static_file(request: Request[object, object, State]) -> Response[bytes]:
        """Give a file of the pages."""
        is_zipped = takes_gzip(request)
        return Response(
            (_ZIPPED if is_zipped else _CONTENTS)[name],
            media_type=MEDIA_TYPES[name],
            headers={"cache-control": CACHE_CONTROL} | (ZIPPED if is_zipped else VARIES),
        )

    return get_static_file


STATIC_ROUTES: Final = tuple(_route(name) for name in MEDIA_TYPES)
