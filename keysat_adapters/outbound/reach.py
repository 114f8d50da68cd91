"""Which addresses a stranger may send us to: those of the public internet, and no others.

The host of a lightning address, of the callback it names, and of a subscriber is somebody's choice. It
must not make this server ask its own network, its host or a cloud's metadata service (payments 13).
"""

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""Give the addresses of a name; raises ``OSError`` or ``UnicodeError`` if there are none."""

Admit: TypeAlias = Callable[[IPAddress], bool]
"""Tell whether an address may be connected to."""

_NAT64: Final = ip_network("64:ff9b::/96")

_REFUSED: Final = tuple(
    ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments, among them a cloud's metadata service
        "192.88.99.0/24",  # relays of 6to4, which lead anywhere
        "168.63.129.16/32",  # a cloud's host agent, at an address that looks public
        "64:ff9b:1::/48",  # translation of the local network's own choice
        "2001::/32",  # Teredo, which carries another address
    )
)
"""What the registries call global, or did when this Python was made, and is none of our business."""


def is_public(address: IPAddress) -> bool:
    """Tell whether an address, and any it carries inside, belongs to the public internet."""
    if isinstance(address, IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour
        if carried is None and address in _NAT64:
            carried = IPv4Address(int(address) & 0xFFFF_FFFF)
        if carried is not None:
            return is_public(carried)
        if address.is_site_local:
            return False
    if any(address.version == net.version and address in net for net in _REFUSED):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def resolve_name(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a name; a name that is an address is its own."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def admitted(addresses: Sequence[str], is_admitted: Admit) -> list[str]:
    """Give the addresses, those every network has first; none if one may not be connected to.

    A name that mixes public addresses with others tries something.
    """
    try:
        known = [ip_address(text) for text in addresses]
    except ValueError:
        return []
    if not all(map(is_admitted, known)):
        return []
    return [str(one) for one in sorted(known, key=lambda one: one.version)]
