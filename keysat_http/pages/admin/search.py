"""What was found by a piece of it. Source: admin-api 7, Shell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.actor import Scope
from keysat_core.domain.search import Hit, HitKind
from keysat_core.use_cases.server.find_anything import find_anything
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen

PLACES: Final[Mapping[HitKind, str]] = {
    HitKind.LICENSE: "/admin/licenses/",
    HitKind.BUYER: "/admin/licenses?email=",
    HitKind.INVOICE: "/admin/invoices/",
    HitKind.MACHINE: "/admin/licenses/",
    HitKind.CODE: "/admin/codes/",
    HitKind.PRODUCT: "/admin/products/",
    HitKind.POLICY: "/admin/policies/",
    HitKind.WEBHOOK_ENDPOINT: "/admin/webhooks/",
}
"""Where each kind is shown; its id follows, and behind a machine's that of its license."""

NAMES: Final[Mapping[HitKind, str]] = {
    HitKind.LICENSE: "Licenses",
    HitKind.BUYER: "Buyers",
    HitKind.INVOICE: "Invoices",
    HitKind.MACHINE: "Machines",
    HitKind.CODE: "Discount codes",
    HitKind.PRODUCT: "Products",
    HitKind.POLICY: "Policies",
    HitKind.WEBHOOK_ENDPOINT: "Webhooks",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """What was found of one kind. ``is_full``: there may be more."""

    name: str
    hits: Sequence[tuple[Hit, str]]
    is_full: bool


@screen("/admin/search", needs=Scope.LICENSES_READ)
def show_search(frame: NamedDependency[Frame]) -> Response[str]:
    """List what begins with what was typed, by kind."""
    text = frame.query.get("q", "")
    found = find_anything(frame.actor, text, store=frame.ports.store, keys=frame.ports.keys)
    groups = [
        Group(
            name=NAMES[kind],
            hits=[(hit, PLACES[kind] + quote(hit.license_id or hit.id, safe="")) for hit in own],
            is_full=kind in found.full,
        )
        for kind in HitKind
        if (own := [hit for hit in found.hits if hit.kind is kind])
    ]
    return frame.page("admin/search.html", text=text.strip(), groups=groups, count=len(found.hits))
