"""Which addresses a payment provider on the same box is spoken with. Source: startos 4.

On StartOS the platform assigns the ports of its bridge anew now and then, and what a database says
of them goes stale.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

BRIDGE: Final = ip_network("10.0.3.0/24")
"""Where the services of a StartOS box reach each other (startos 4 and 5)."""

RETIRED_NAMES: Final = frozenset({"btcpayserver.startos"})
"""What earlier versions called BTCPay Server; StartOS is withdrawing such names (startos 5)."""

PRIVATE_SUFFIXES: Final = (".local", ".localhost", ".onion", ".lan", ".internal", ".home.arpa")
"""Names that no public name server answers for. Source: RFC 6761, 6762, 7686, 8375; ICANN 2024."""


def asked_at(stored: str, configured: str | None) -> str:
    """Give where an account's server is asked: ``configured`` if the stored address goes stale."""
    host = _host(stored)
    address = _address(host)
    is_stale = host in RETIRED_NAMES or (address is not None and address in BRIDGE)
    return configured if configured is not None and is_stale else stored


def webhook_base(public_url: str, internal_url: str | None) -> str:
    """Give the address a provider on the same box reports to.

    It trusts no certificate of a private authority and resolves no private name, so unless the public
    address has a public name, the internal one serves, if there is one.
    """
    return (
        public_url if internal_url is None or _is_public_name(_host(public_url)) else internal_url
    )


def _is_public_name(host: str) -> bool:
    return _address(host) is None and "." in host and not host.endswith(PRIVATE_SUFFIXES)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
