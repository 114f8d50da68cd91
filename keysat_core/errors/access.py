"""Failures of signing in, and of requests made with the cookie of somebody signed in."""

from keysat_core.errors.root import KeysatError


class WebPasswordUnset(KeysatError):
    """Nobody can sign in to the admin pages, because no password for them is set."""

    code = "web_password_unset"

    def __init__(self) -> None:
        super().__init__(
            "no usable web password is set; set one with: keysat password set, or with the master"
            " key by POST /v1/admin/web-password"
        )


class CsrfTokenInvalid(KeysatError):
    """A request that changes something came with a session's cookie and without its CSRF token."""

    code = "csrf_token_invalid"

    def __init__(self) -> None:
        super().__init__(
            "send the header X-CSRF-Token with this session's token, which POST /admin/login and"
            " GET /admin/login/status give; or use a bearer token instead of the cookie"
        )


class CrossSiteRequest(KeysatError):
    """A page of another origin had the browser act for somebody signed in, or sign in or out."""

    code = "cross_site_request"

    def __init__(self) -> None:
        super().__init__(
            "only this server's own pages may use its cookie; from elsewhere use a bearer token"
        )
