"""What the composition root tells the HTTP shell. Nothing here is read from the environment."""

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final, Protocol

from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.errors import ConfigurationError


class Network(Protocol):
    """What ``ipaddress.ip_network`` gives.

    Not the union of its two classes: Litestar's signature models, which see the settings because
    handlers are given them, take one foreign type in a union and no more.
    """

    def __contains__(self, other: object, /) -> bool: ...


PRIVATE_NETWORKS: Final[tuple[Network, ...]] = tuple(
    ip_network(cidr)
    for cidr in (
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
    )
)
"""Loopback, RFC 1918 and RFC 4193: who is trusted behind a proxy by default (decisions 6)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HTTPSettings:
    """Settings of the HTTP shell.

    Attributes:
        public_url: The address buyers reach this server at, without a trailing slash.
        internal_url: The address services on the same box reach this server at, if that is another.
        admin_api_key: The master key of the admin API.
        version: The package's own version (decisions 27).
        operator_name: The configured name; the stored setting ``operator_name`` wins over it.
        is_sandbox: Whether payments are pretended.
        is_rate_limited: Whether callers are limited here; off where a proxy does it.
        started_at: When this process began to serve; None counts as just now.
        trusted_proxies: Who may name the client's address in ``X-Forwarded-For``.
        is_cookie_secure: Whether browsers may send the session's cookie over https only, however they
            came (B-11).
    """

    public_url: str
    admin_api_key: Secret
    version: str
    operator_name: str | None = None
    is_sandbox: bool = False
    is_rate_limited: bool = True
    trusted_proxies: tuple[Network, ...] = ()
    is_cookie_secure: bool = True
    started_at: Instant | None = None
    internal_url: str | None = None

    def __post_init__(self) -> None:
        if not self.public_url.startswith(("http://", "https://")) or self.public_url[-1] == "/":
            raise ConfigurationError(
                "KEYSAT_PUBLIC_URL", "must be an http(s) address without a trailing slash"
            )
        if not self.admin_api_key.reveal():
            raise ConfigurationError("KEYSAT_ADMIN_API_KEY", "must not be empty")
