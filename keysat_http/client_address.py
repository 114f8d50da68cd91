"""Who called: the client's address behind trusted proxies. Forged headers change nothing.

Source: decisions 6; admin-api B-03.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from litestar.types import Scope

from keysat_core.limits import USER_AGENT_CHARS_MAX
from keysat_http.limits import FORWARDED_HOPS_MAX
from keysat_http.settings import PRIVATE_NETWORKS, Network

IPV6_SITE_BITS: Final = 64
"""What a household or a server is given, and may change addresses within. Source: RFC 6177."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Where a request came from.

    Attributes:
        address: For the audit and the log; the proxy's own when it hides the client's.
        limiting_address: What rate limits may be kept by; None when callers share one address.
        user_agent: Cut to its limit.
        request_id: What the answer carries as ``X-Request-Id``.
    """

    address: str | None
    limiting_address: str | None
    user_agent: str | None
    request_id: str | None


def caller_of(scope: Scope, trusted_proxies: Sequence[Network]) -> Caller:
    """Describe who sent this request."""
    address, is_shared = _find(scope, trusted_proxies)
    agent = next(_header(scope, b"user-agent"), None)
    return Caller(
        address=address,
        limiting_address=None if is_shared or address is None else _network_of(address),
        user_agent=None if agent is None else agent[:USER_AGENT_CHARS_MAX],
        request_id=request_id_of(scope),
    )


def request_id_of(scope: Scope) -> str | None:
    """Return the id the edge gave this request; None when the edge was not passed."""
    found = scope.get("state", {}).get("request_id")
    return found if isinstance(found, str) else None


def client_address(scope: Scope, trusted_proxies: Sequence[Network]) -> str | None:
    """Return the right-most hop no trusted proxy owns, else the socket peer; None without a peer."""
    return _find(scope, trusted_proxies)[0]


def is_from_trusted_proxy(scope: Scope, trusted_proxies: Sequence[Network]) -> bool:
    """Tell whether the socket peer is a configured proxy."""
    peer = _peer(scope)
    return peer is not None and _is_in(peer, trusted_proxies)


def _find(scope: Scope, trusted_proxies: Sequence[Network]) -> tuple[str | None, bool]:
    """Return the address, and whether many callers seem to share it (public-api 3)."""
    peer = _peer(scope)
    if peer is None:
        return None, True
    if not _is_in(peer, trusted_proxies):
        return str(peer), peer.is_link_local or _is_in(peer, PRIVATE_NETWORKS)
    furthest: IPv4Address | IPv6Address | None = None
    for hop in _hops_from_the_right(_header(scope, b"x-forwarded-for")):
        parsed = _parse(hop)
        if parsed is None:
            # Left of a hop that is no address nothing can be believed.
            break
        furthest = parsed
        if not _is_in(parsed, trusted_proxies):
            break
    return (str(peer), True) if furthest is None else (str(furthest), False)


def _network_of(address: str) -> str:
    """One caller's IPv6 addresses are all of a /64, so that is what a limit is kept by."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, IPV6_SITE_BITS), strict=False))
    return address


def _peer(scope: Scope) -> IPv4Address | IPv6Address | None:
    client = scope.get("client")
    return _parse(client[0]) if client else None


def _header(scope: Scope, name: bytes) -> Iterator[str]:
    return (value.decode("latin-1") for key, value in scope["headers"] if key == name)


def _hops_from_the_right(headers: Iterable[str]) -> list[str]:
    joined = ",".join(headers)
    hops = [hop.strip() for hop in joined.rsplit(",", FORWARDED_HOPS_MAX)[-FORWARDED_HOPS_MAX:]]
    return [hop for hop in reversed(hops) if hop]


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address as proxies write it: with a port, in brackets or IPv4-mapped too."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # A zone names an interface of the sender's; it is no part of who called.
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


def _is_in(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
