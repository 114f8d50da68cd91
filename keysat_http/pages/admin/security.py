"""The password of these screens, who is signed in, and signing out. Source: admin-api 7, Settings."""

from dataclasses import dataclass
from typing import Final

from litestar import Request, Response
from litestar.datastructures import State
from litestar.di import NamedDependency

from keysat_core.domain.actor import Scope
from keysat_core.domain.web_session import FoundSession, SignInMeans
from keysat_core.limits import WEB_PASSWORD_BYTES_MAX, WEB_PASSWORD_BYTES_MIN
from keysat_core.use_cases.access.list_sessions import list_sessions
from keysat_core.use_cases.access.set_password import is_password_set
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.uses import UseBook
from keysat_http.web_sessions import OpenSession, WebSessions

MEANS_WORDS: Final = {
    SignInMeans.PASSWORD: "the password",
    SignInMeans.MASTER_KEY: "the master key",
    SignInMeans.API_KEY: "an API key",
}

_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
"""What marks a browser, the most telling first: most say that they are several."""
_SYSTEMS: Final = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """An open session: what it was opened with, in which browser, and whether it is this one."""

    found: FoundSession
    means: str
    browser: str
    is_current: bool


@screen("/admin/security", needs=Scope.TIER_READ)
def show_security(
    request: Request[object, object, State],
    frame: NamedDependency[Frame],
    sessions: NamedDependency[WebSessions],
    uses: NamedDependency[UseBook],
) -> Response[str]:
    """Show who one is signed in as; to the master also the password and all sessions."""
    own = sessions.find_open(request.scope)
    return frame.page(
        "admin/security.html",
        own=own,
        means=None if own is None else MEANS_WORDS[own.session.means],
        lines=_lines(frame, own, sessions, uses) if frame.may("list_web_sessions") else [],
        has_password=is_password_set(store=frame.ports.store),
        password_min=WEB_PASSWORD_BYTES_MIN,
        password_max=WEB_PASSWORD_BYTES_MAX,
    )


def _lines(
    frame: Frame, own: OpenSession | None, sessions: WebSessions, uses: UseBook
) -> list[Line]:
    uses.flush()
    every = list_sessions(
        frame.actor,
        master_key_hash=sessions.master_key_hash,
        store=frame.ports.store,
        clock=frame.ports.clock,
    )
    return [
        Line(
            found=found,
            means=MEANS_WORDS[found.session.means],
            browser=browser_of(found.session.user_agent or ""),
            is_current=own is not None and found.session.token_hash == own.session.token_hash,
        )
        for found in every
    ]


def browser_of(user_agent: str) -> str:
    """Name the browser and the system behind a ``User-Agent``, as far as it says."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return " on ".join(filter(None, (browser, system))) or "Another program"
