"""Answers made smaller for browsers that take them so.

Only of files and of pages without a secret: beside a text of somebody else's, the size of a
compressed answer tells of the secret in it (the BREACH attack).
"""

import gzip
import re
from typing import Final

from litestar import Request, Response
from litestar.datastructures import State

LEVEL: Final = 6
_GZIP: Final = re.compile(
    r"(?:^|[\s,])(?:gzip|\*)\s*(?:;\s*q\s*=\s*([0-9.]+))?\s*(?:,|$)", re.IGNORECASE
)

VARIES: Final = {"vary": "accept-encoding"}
ZIPPED: Final = VARIES | {"content-encoding": "gzip"}


def zipped(content: bytes) -> bytes:
    """Compress; the same content is always the same bytes."""
    return gzip.compress(content, LEVEL, mtime=0)


def takes_gzip(request: Request[object, object, State]) -> bool:
    """Tell whether whoever asks takes gzip. Source: RFC 9110, 12.5.3."""
    match = _GZIP.search(request.headers.get("accept-encoding", ""))
    return match is not None and re.fullmatch(r"0(?:\.0*)?", match[1] or "1") is None


def smaller(page: Response[str], request: Request[object, object, State]) -> Response[bytes]:
    """Give a page compressed, where that is taken."""
    content = page.content.encode("utf-8")
    is_zipped = takes_gzip(request)
    return Response(
        zipped(content) if is_zipped else content,
        status_code=page.status_code,
        media_type=page.media_type,
        headers=page.headers | (ZIPPED if is_zipped else VARIES),
    )
