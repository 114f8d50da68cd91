"""Who called: the client's address behind trusted proxies. Forged headers change nothing.

Source: decisions 6; admin-api B-03.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple

import msgspec
from litestar.types import Scope

from keysat_core.limits import USER_AGENT_CHARS_MAX
from keysat_http.limits import FORWARDED_CHARS_MAX, FORWARDED_HOPS_MAX, ORIGINS_MAX
from keysat_http.settings import PRIVATE_NETWORKS, Network

IPV6_SITE_BITS: Final = 64
"""What a household or a server is given, and may change addresses within. Source: RFC 6177."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
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


def request_id_of(scope: Scope) -> str | None:
    """Return the id the edge gave this request; None when the edge was not passed."""
    found = scope.get("state", {}).get("request_id")
    return found if isinstance(found, str) else None


class Callers:
    """Tells who sent a request, given who may name somebody else.

    Addresses that were worked out are remembered, because the same clients ask again and again.
    """

    def __init__(self, trusted_proxies: Sequence[Network]) -> None:
        self._trusted_proxies = tuple(trusted_proxies)
        self._found: dict[tuple[str, str], _Origin] = {}

    def caller_of(self, scope: Scope) -> Caller:
        """Describe who sent this request."""
        agent, forwarded = None, ""
        for name, value in scope["headers"]:
            if name == b"user-agent" and agent is None:
                agent = value.decode("latin-1")[:USER_AGENT_CHARS_MAX]
            elif name == b"x-forwarded-for":
                forwarded = _joined(forwarded, value)
        origin = self._origin(scope, forwarded)
        return Caller(
            address=origin.address,
            limiting_address=origin.limiting_address,
            user_agent=agent,
            request_id=request_id_of(scope),
        )

    def address_of(self, scope: Scope) -> str | None:
        """Return the right-most hop no trusted proxy owns, else the socket peer; None without one."""
        forwarded = ""
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                forwarded = _joined(forwarded, value)
        return self._origin(scope, forwarded).address

    def is_from_trusted_proxy(self, scope: Scope) -> bool:
        """Tell whether the socket peer is a configured proxy."""
        peer = _parse(_peer_text(scope))
        return peer is not None and _is_in(peer, self._trusted_proxies)

    def is_over_https(self, scope: Scope) -> bool:
        """Tell whether a configured proxy says that the caller came by https."""
        schemes = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
        return schemes == [b"https"] and self.is_from_trusted_proxy(scope)

    def _origin(self, scope: Scope, forwarded: str) -> "_Origin":
        key = (_peer_text(scope), forwarded)
        found = self._found.get(key)
        if found is None:
            found = self._find(*key)
            if len(self._found) >= ORIGINS_MAX:
                self._found.clear()
            if len(forwarded) <= FORWARDED_CHARS_MAX:
                self._found[key] = found
        return found

    def _find(self, peer_text: str, forwarded: str) -> "_Origin":
        """Work out the address, and whether many callers seem to share it (public-api 3)."""
        peer = _parse(peer_text)
        if peer is None:
            return _Origin(None, None)
        if not _is_in(peer, self._trusted_proxies):
            is_shared = peer.is_link_local or _is_in(peer, PRIVATE_NETWORKS)
            return _Origin(str(peer), None if is_shared else _network_of(str(peer)))
        furthest: IPv4Address | IPv6Address | None = None
        for hop in _hops_from_the_right(forwarded):
            parsed = _parse(hop)
            if parsed is None:
                # Left of a hop that is no address nothing can be believed.
                break
            furthest = parsed
            if not _is_in(parsed, self._trusted_proxies):
                break
        if furthest is None:
            return _Origin(str(peer), None)
        return _Origin(str(furthest), _network_of(str(furthest)))


class _Origin(NamedTuple):
    """Where a request came from, as in ``Caller``."""

    address: str | None
    limiting_address: str | None


def _network_of(address: str) -> str:
    """One caller's IPv6 addresses are all of a /64, so that is what a limit is kept by."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, IPV6_SITE_BITS), strict=False))
    return address


def _peer_text(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _joined(before: str, header: bytes) -> str:
    """Add a header to the list that several of them are."""
    text = header.decode("latin-1")
    return f"{before},{text}" if before else text


def _hops_from_the_right(forwarded: str) -> list[str]:
    hops = [hop.strip() for hop in forwarded.rsplit(",", FORWARDED_HOPS_MAX)[-FORWARDED_HOPS_MAX:]]
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
