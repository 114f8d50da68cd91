"""The license this server runs on. Source: admin-api 2.13, B-01, B-29."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.errors import (
    BadKeyFormat,
    BadKeySignature,
    InvariantError,
    KeyExpired,
    LicenseFileUnwritable,
    LicenseKeyError,
)
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server import self_license as use_cases
from keysat_http.errors import BAD_REQUEST, INTERNAL, Answer, Error
from keysat_http.framework_errors import Refused
from keysat_http.limits import PROBLEM_CHARS_MAX
from keysat_http.routes import get, post
from keysat_http.views.self_license import (
    SelfLicenseActivated,
    SelfLicenseStatus,
    activated_view,
    standing_view,
)

_PATH: Final = "/v1/admin/self-license"
_TAGS: Final = ("tier",)


class SelfLicenseKey(msgspec.Struct, frozen=True, kw_only=True):
    """The license key bought for this server."""

    license_key: str = ""

    def __repr__(self) -> str:
        return "SelfLicenseKey(***)"


@get(_PATH, is_inline=True, tags=_TAGS)
def get_self_license(
    actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> SelfLicenseStatus:
    """Show the license this server runs on, or why it runs without one."""
    standing = use_cases.show_self_license(
        actor, self_licenses=ports.self_licenses, clock=ports.clock
    )
    return standing_view(standing)


@post(_PATH, raises=[BadKeyFormat, BadKeySignature, KeyExpired, LicenseFileUnwritable], tags=_TAGS)
def activate_self_license(
    data: JSONBody[SelfLicenseKey], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> SelfLicenseActivated:
    """Run on a license from now on; its key is kept beside the database. Master key only."""
    try:
        activated = use_cases.activate_self_license(
            actor,
            data.license_key,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            self_licenses=ports.self_licenses,
        )
    except InvariantError as exc:
        # The three refusals have shapes of their own, which the envelope only adds to.
        raise _refused(BAD_REQUEST.status, f"{exc.field} {exc.problem}", exc.code) from exc
    except LicenseKeyError as exc:
        text = str(exc)
        raise _refused(BAD_REQUEST.status, "license_invalid", exc.code, detail=text) from exc
    except LicenseFileUnwritable as exc:
        text = exc.problem
        raise _refused(INTERNAL.status, "write_failed", exc.code, detail=text) from exc
    return activated_view(activated)


@post(_PATH + "/refresh", tags=_TAGS)
def refresh_self_license(
    actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> SelfLicenseStatus:
    """Look at the key and at the license's row again, as the server does every minute."""
    standing = use_cases.refresh_self_license(
        actor, store=ports.store, clock=ports.clock, self_licenses=ports.self_licenses
    )
    return standing_view(standing)


def _refused(status: int, error: str, code: str, *, detail: str | None = None) -> Refused:
    said = (detail or error)[:PROBLEM_CHARS_MAX]
    body = Error(
        error=error,
        message=BAD_REQUEST.prefix + said if status == BAD_REQUEST.status else said,
        code=code,
        detail=msgspec.UNSET if detail is None else said,
    )
    return Refused(Answer(status=status, body=body))
