"""Getting a lost key back, as a page. Source: public-api 14.3; the rules are those of section 11."""

from litestar import MediaType, Request, Response
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.di import NamedDependency

from keysat_core.errors import (
    InvariantError,
    RateLimited,
    RecoveryRefused,
    SigningKeyUnusable,
)
from keysat_core.limits import EMAIL_CHARS_MAX
from keysat_core.ports.bundle import Ports
from keysat_http.client_address import Caller
from keysat_http.pages.buying import posted
from keysat_http.pages.failures import show_failure
from keysat_http.pages.purchases import SHOWN_CHARS_MAX
from keysat_http.pages.rendering import render
from keysat_http.public.recover import RecoverRequest, recovered_for
from keysat_http.rate_limits import RateLimiter
from keysat_http.routes import get, post
from keysat_http.settings import HTTPSettings
from keysat_http.views.recovered_license import RecoveredLicense

NOT_FOUND = (
    "No active license was found for this invoice number and e-mail address. Check both; the "
    "address is the one given when buying."
)
TOO_MANY = "Too many attempts from here. Wait a minute and try again."


@get(
    "/recover",
    exception_handlers={Exception: show_failure},
    media_type=MediaType.HTML,
    tags=["pages"],
)
def show_recover(
    ports: NamedDependency[Ports], settings: NamedDependency[HTTPSettings]
) -> Response[str]:
    """Show the form that gives a lost key again."""
    return _page({}, ports, settings)


@post(
    "/recover",
    exception_handlers={Exception: show_failure},
    raises=[RateLimited, RecoveryRefused, SigningKeyUnusable],
    sync_to_thread=None,
    media_type=MediaType.HTML,
    tags=["pages"],
)
async def recover_by_form(
    request: Request[object, object, State],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
    limiter: NamedDependency[RateLimiter],
) -> Response[str]:
    """Give the key of an active license again, or say that there is none."""
    said = await posted(request)
    wanted = RecoverRequest(
        invoice_id=said.get("invoice_id", "").strip()[:SHOWN_CHARS_MAX],
        email=said.get("email", "").strip()[:EMAIL_CHARS_MAX],
    )
    try:
        found = await sync_to_thread(recovered_for, wanted, caller, ports, limiter)
    except (RecoveryRefused, InvariantError):
        return _page(said, ports, settings, status=404, problem=NOT_FOUND)
    except RateLimited:
        return _page(said, ports, settings, status=429, problem=TOO_MANY)
    return _page(said, ports, settings, found=found)


def _page(
    said: dict[str, str],
    ports: Ports,
    settings: HTTPSettings,
    *,
    status: int = 200,
    problem: str | None = None,
    found: RecoveredLicense | None = None,
) -> Response[str]:
    values = {
        "invoice_id": said.get("invoice_id", "")[:SHOWN_CHARS_MAX],
        "email": said.get("email", "")[:EMAIL_CHARS_MAX],
        "problem": problem,
        "found": found,
    }
    return render("recover.html", values, ports=ports, settings=settings, status=status)
