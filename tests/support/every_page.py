"""Every page the server has, from its table of routes, with addresses in a shop that has it all."""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from litestar import MediaType
from litestar.handlers import HTTPRouteHandler

from keysat_http.endpoints import PAGES, SANDBOX
from keysat_http.pages.admin.places import SCREENS

SIGN_IN: Final = "/admin/login"
LEADS_ON: Final = {"/checkout"}
"""What leads on to the payment provider before anybody could look at it."""
ELSEWHERE: Final = {"/v1/btcpay/authorize/callback"}
"""Pages that are the answer to somebody else's request; their own tests have them."""
QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "/admin/search": ("q=notes", "q=nothing+like+it"),
    "/admin/start": tuple(
        f"step={step}" for step in ("name", "provider", "product", "tiers", "sale", "next")
    ),
    "/checkout": ("invoice_id={waiting_invoice_id}",),
    "/receipt": ("invoice_id={invoice_id}",),
    "/thank-you": ("invoice_id={invoice_id}", "invoice_id={waiting_invoice_id}"),
}
"""What a page is asked with, beside nothing, to show what it is for."""

_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{22,}|LIC1-[\w-]+")
_NOT_PAGES: Final = ("/static/", "/v1/", "/logo/", "/thank-you/")


def templates() -> list[str]:
    """Give the path of every page, with its parameters in braces."""
    handlers = [one for one in (*SCREENS, *PAGES, *SANDBOX) if isinstance(one, HTTPRouteHandler)]
    found = {
        path
        for handler in handlers
        if "GET" in handler.http_methods and handler.media_type == MediaType.HTML
        for path in handler.paths
    }
    return sorted(found - ELSEWHERE)


def addresses(names: Mapping[str, str]) -> Iterator[str]:
    """Give every page's address, bare and with what it is asked with."""
    for template in templates():
        path = filled(template, names)
        yield path
        for query in QUERIES.get(template, ()):
            yield f"{path}?{query.format_map(names)}"


def staying(names: Mapping[str, str]) -> list[str]:
    """Give the addresses of the pages that stay when somebody who is signed in opens them."""
    return [one for one in addresses(names) if template_of(one) not in {SIGN_IN, *LEADS_ON}]


def filled(template: str, names: Mapping[str, str]) -> str:
    """Put ids where a path has parameters; a page with a parameter unheard of fails the test."""

    def name_of(match: re.Match[str]) -> str:
        assert match[1] in names, f"{template}: tests/support/full_shop.py has no {match[1]}"
        return names[match[1]]

    return _PARAMETER.sub(name_of, template)


def template_of(address: str) -> str | None:
    """Tell which page is at an address."""
    path = urlsplit(address).path
    for template in templates():
        pattern = _PARAMETER.sub("[^/]+", template)
        if re.fullmatch(pattern, path):
            return template
    return None


def shape_of(address: str) -> str:
    """Give what addresses of a kind have in common.

    Ids and where a page begins are left out; of several choices made at once only what they are of.
    """
    split = urlsplit(address)
    said = parse_qsl(split.query)
    is_alone = len(said) == 1
    state = sorted(
        {(name, value if is_alone and name != "offset" else "*") for name, value in said}
    )
    return _ID.sub("*", split.path + "?" + urlencode(state, safe="*"))


def is_page(address: str) -> bool:
    """Tell whether a link leads to another page of this server."""
    split = urlsplit(address)
    is_ours = not split.scheme and not split.netloc and split.path.startswith("/")
    return is_ours and not split.path.startswith(_NOT_PAGES)
