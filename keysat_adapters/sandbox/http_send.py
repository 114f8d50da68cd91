"""Sends the sandbox's webhooks over HTTP to this machine, and nowhere else."""

import ipaddress
from collections.abc import Mapping
from typing import Final

import httpx

from keysat_core.errors import ConfigurationError

SEND_TIMEOUT_SECONDS: Final = 10.0
"""For each of connecting, writing and waiting; the receiver only stores a notice and answers."""


class HTTPSend:
    """Keeps ``keysat_adapters.sandbox.deliveries.Send``. ``base_url`` is this server's own address.

    Raises:
        ConfigurationError: ``base_url`` is not on the loopback interface.
    """

    def __init__(self, *, base_url: str) -> None:
        if not _is_loopback(httpx.URL(base_url)):
            raise ConfigurationError("sandbox webhook address", f"{base_url!r} is not this machine")
        self._base_url = base_url.rstrip("/")

    def __call__(self, path: str, headers: Mapping[str, str], body: bytes) -> int | None:
        """POST and give the HTTP status; None if no answer came. Redirects are not followed."""
        try:
            with (
                # Settings of the environment could lead elsewhere, so they are not read. Nor are
                # certificates, which takes longer than the whole request: the scheme is http.
                httpx.Client(timeout=SEND_TIMEOUT_SECONDS, trust_env=False, verify=False) as client,  # noqa: S501
                # The answer's body is left unread: only the status counts.
                client.stream(
                    "POST", self._base_url + path, headers=dict(headers), content=body
                ) as response,
            ):
                return response.status_code
        except httpx.TransportError:
            return None


def _is_loopback(url: httpx.URL) -> bool:
    if url.scheme != "http":
        return False
    if url.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False
