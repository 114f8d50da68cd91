"""Pages from templates, and the headers every page has. Source: public-api 14.

Templates escape everything. Scripts and styles are files of this server; nothing is inline, so the
policy forbids whatever a text from outside might smuggle in.
"""

from typing import Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Response

from keysat_core.ports.bundle import Ports
from keysat_http.meta import operator_name
from keysat_http.pages.static_files import address_of
from keysat_http.settings import HTTPSettings

DEFAULT_OPERATOR: Final = "Keysat"
"""The seller's name while none is set. Source: public-api 14.1."""

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_TEMPLATES: Final = Environment(
    loader=PackageLoader("keysat_http.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["static"] = address_of


def base_path(settings: HTTPSettings) -> str:
    """The path a proxy strips before it asks this server; pages put it before their own links."""
    return urlsplit(settings.public_url).path


def render_page(
    template: str, *, ports: Ports, settings: HTTPSettings, **values: object
) -> Response[str]:
    """Render a template; every template is given the seller's name and whether money is pretended."""
    html = _TEMPLATES.get_template(template).render(
        operator=operator_name(ports, settings) or DEFAULT_OPERATOR,
        base_path=base_path(settings),
        is_sandbox=settings.is_sandbox or ports.sandbox is not None,
        **values,
    )
    return Response(html, media_type=MediaType.HTML, headers=_HEADERS)
