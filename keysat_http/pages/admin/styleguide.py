"""The design system, part by part. Only where money is pretended: on a shop's server it is noise."""

from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.actor import Scope
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.errors import NotFound
from keysat_http.pages.admin.caps import cap_of
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen


@screen("/admin/_styleguide", needs=Scope.TIER_READ)
def show_styleguide(frame: NamedDependency[Frame]) -> Response[str]:
    """Show every part of the design system.

    Raises:
        NotFound: the server is no sandbox.
    """
    if not frame.tier.sandbox:
        raise NotFound("page", "_styleguide")
    return frame.page(
        "admin/styleguide.html",
        caps=[cap_of(used, 5) for used in (4, 5, 6)],
        days=[Instant(frame.now + count * DAY_SECONDS) for count in (-400, -3, 0, 12)],
    )
