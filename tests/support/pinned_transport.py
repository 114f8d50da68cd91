"""Puts a double behind ``HTTPSender`` and asks, as a real transport does, where to connect to."""

from collections.abc import Callable

import httpx

from tests.simulators.exchange import Service
from tests.simulators.transport import ServiceTransport


class PinnedTransport(httpx.BaseTransport):
    """Hands requests to a service, after the address of their host was chosen and noted."""

    def __init__(self, service: Service, address_for: Callable[[str, int], str]) -> None:
        self.connected: list[tuple[str, str, int]] = []
        self._inner = ServiceTransport(service)
        self._address_for = address_for

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host, port = request.url.host, request.url.port or 443
        try:
            self.connected.append((host, self._address_for(host, port), port))
        except OSError as exc:
            raise httpx.ConnectError(str(exc)) from exc
        return self._inner.handle_request(request)
