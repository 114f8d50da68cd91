"""Pages from templates, and the headers every page has. Source: public-api 14.

Templates escape everything, and show what a text hides. Scripts and styles are files of this
server that carry the answer's nonce, so the policy forbids whatever a text might smuggle in.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Request, Response
from litestar.datastructures import State

from keysat_core.domain.instant import rfc3339_or_number
from keysat_core.ports.bundle import Ports
from keysat_http.meta import operator_name
from keysat_http.pages import spelling
from keysat_http.pages.static_files import address_of
from keysat_http.settings import HTTPSettings

DEFAULT_OPERATOR: Final = "Keysat"
"""The seller's name while none is set. Source: public-api 14.1."""
NONCE_BYTES: Final = 16
"""Source: CSP Level 3, 7.1: at least 128 bits."""
NO_HEADERS: Final[Mapping[str, str]] = {}

_TEMPLATES: Final = Environment(
    loader=PackageLoader("keysat_http.pages"),
    autoescape=True,
    auto_reload=False,
    finalize=spelling.seen,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["static"] = address_of
_TEMPLATES.filters |= {
    "sats": spelling.sats,
    "money": spelling.money,
    "units": spelling.units,
    "hundredths": spelling.hundredths,
    "percent": spelling.percent,
    "day": spelling.day,
    "moment": spelling.moment,
    "span": spelling.span,
    "relative": spelling.relative,
    "short": spelling.short,
    "rate_source": spelling.rate_source,
    "rfc3339": rfc3339_or_number,
    "union": lambda mapping, more: {**mapping, **more},
}


def content_security_policy(nonce: str) -> str:
    """Give the policy of one answer: only its own files, scripts and styles only with its nonce."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def is_part_wanted(request: Request[object, object, State]) -> bool:
    """Tell whether a script takes a part out of the page, and so wants no style of another nonce.

    Browsers hold a style against the policy already where a script only reads the page.
    """
    return request.headers.get("hx-request") == "true"


def base_path(settings: HTTPSettings) -> str:
    """The path a proxy strips before it asks this server; pages put it before their own links."""
    return urlsplit(settings.public_url).path


def render_page(
    template: str, *, ports: Ports, settings: HTTPSettings, **values: object
) -> Response[str]:
    """Render a template as a page that was found; see ``render``."""
    return render(template, values, ports=ports, settings=settings)


def render(
    template: str,
    values: Mapping[str, object],
    *,
    ports: Ports,
    settings: HTTPSettings,
    status: int = 200,
    headers: Mapping[str, str] = NO_HEADERS,
) -> Response[str]:
    """Render a template.

    Every template is given the seller's name, whether money is pretended, the instant, the nonce
    and ``to``, which makes the address of a path of this server.
    """
    nonce = urlsafe_b64encode(ports.entropy.token(NONCE_BYTES)).decode("ascii").rstrip("=")
    base = base_path(settings)
    html = _TEMPLATES.get_template(template).render(
        operator=operator_name(ports, settings) or DEFAULT_OPERATOR,
        base_path=base,
        to=lambda path: base + path,
        is_sandbox=settings.is_sandbox or ports.sandbox is not None,
        nonce=nonce,
        now=ports.clock.now(),
        **values,
    )
    shared = {
        "content-security-policy": content_security_policy(nonce),
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
    return Response(
        html, status_code=status, media_type=MediaType.HTML, headers=shared | dict(headers)
    )
