"""The address the server listens on, and how its text is read."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from keysat_core.errors import ConfigurationError

PORT_MAX: Final = 65_535


@dataclass(frozen=True, kw_only=True, slots=True)
class Bind:
    """Where the server listens. ``host`` is an IP address or ``localhost``, without brackets."""

    host: str
    port: int

    @property
    def is_private(self) -> bool:
        """Whether only this machine or its own network reaches it, as far as the address tells."""
        if self.host == "localhost":
            return True
        address = ip_address(self.host)
        return address.is_private and not address.is_unspecified

    @property
    def own_host(self) -> str:
        """The address this machine itself reaches the server at, as it stands in a URL."""
        if self.host == "0.0.0.0":  # noqa: S104  compared, not bound
            return "127.0.0.1"
        if ":" in self.host:
            return "[::1]" if self.host == "::" else f"[{self.host}]"
        return self.host


def parse_bind(text: str, *, setting: str = "KEYSAT_BIND") -> Bind:
    """Read ``address:port`` of a setting; an IPv6 address stands in brackets.

    Raises:
        ConfigurationError: it is nothing of the kind.
    """
    host, _, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if is_bracketed else host
    is_port = port.isascii() and port.isdecimal() and int(port) <= PORT_MAX
    if not is_port or not _is_address(bare, is_ipv6=is_bracketed):
        raise ConfigurationError(
            setting, f"{text!r} is not an address such as 0.0.0.0:8080 or [::]:8080"
        )
    return Bind(host=bare, port=int(port))


def _is_address(text: str, *, is_ipv6: bool) -> bool:
    if text == "localhost":
        return not is_ipv6
    try:
        return (ip_address(text).version == 6) is is_ipv6  # noqa: PLR2004  IP version 6
    except ValueError:
        return False
