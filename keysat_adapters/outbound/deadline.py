"""A transport that gives up on time, whatever the other side does.

httpx bounds each read by itself, so a server that dribbles a byte every few seconds could hold a
call for ever. Here every read and write of a call gets what is left of its one deadline.
"""

import socket
import ssl
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import cache
from ipaddress import ip_address
from time import monotonic
from typing import Final, TypeAlias

import httpcore
import httpx

AddressFor: TypeAlias = Callable[[str, int], str]
"""Gives the IP address to connect to for a host and port; may refuse with ``OSError``."""

CONNECTIONS_MAX: Final = 1_024
"""Above what all providers' threads can hold open, so that none waits for another's to hang up."""

_PACKING: Final = b"content-encoding"

_ends_at: Final[ContextVar[float]] = ContextVar("ends_at")

_SOCKET_OPTIONS: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


class DeadlineTransport(httpx.BaseTransport):
    """Implements httpx's transport over httpcore.

    Answers come whole, at most ``bytes_max`` long. With ``is_cut`` no more than that is read of any,
    and nothing of one that is packed.
    """

    def __init__(
        self,
        *,
        bytes_max: int,
        is_cut: bool = False,
        kept_connections: int = 8,
        address_for: AddressFor | None = None,
        ca_file: str | None = None,
    ) -> None:
        self._bytes_max = bytes_max
        self._is_cut = is_cut
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(cafile=ca_file) if ca_file else _public_trust(),
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=kept_connections,
            keepalive_expiry=20.0,
            network_backend=_Backend(address_for),
            socket_options=_SOCKET_OPTIONS,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read its answer to the end.

        Raises:
            httpx.TransportError: no answer, not in time, or one that is too long.
        """
        seconds = request.extensions["timeout"]["read"]
        token = _ends_at.set(monotonic() + seconds)
        try:
            return self._exchange(request)
        except httpcore.TimeoutException as exc:
            raise httpx.ReadTimeout(f"no whole answer within {seconds:g} s") from exc
        except httpcore.ConnectError as exc:
            raise httpx.ConnectError(str(exc)) from exc
        except httpcore.UnsupportedProtocol as exc:
            raise httpx.UnsupportedProtocol(str(exc)) from exc
        except httpcore.LocalProtocolError:
            # The cause quotes the header that cannot be written, which may be a key.
            raise httpx.LocalProtocolError("the request cannot be written") from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as exc:
            raise httpx.ReadError(str(exc) or type(exc).__name__) from exc
        finally:
            _ends_at.reset(token)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.read(),
            extensions=request.extensions,
        )
        answer = self._pool.handle_request(asked)
        try:
            body = self._read(answer)
        finally:
            answer.close()
        # It is not unpacked, so nothing must say that it is packed.
        headers = [(name, v) for name, v in answer.headers if name.lower() != _PACKING]
        return httpx.Response(answer.status, headers=headers, content=body)

    def _read(self, answer: httpcore.Response) -> bytes:
        packed = [value for name, value in answer.headers if name.lower() == _PACKING]
        if packed not in ([], [b"identity"]):
            if self._is_cut:
                return b""
            # We asked for none; unpacked, a small answer could fill the memory.
            raise httpx.ReadError("the answer is packed, which was not asked for")
        body = bytearray()
        for chunk in answer.iter_stream():
            body += chunk
            if len(body) > self._bytes_max:
                if self._is_cut:
                    return bytes(body[: self._bytes_max])
                raise httpx.ReadError(f"the answer is longer than {self._bytes_max} bytes")
        return bytes(body)


@cache
def _public_trust() -> ssl.SSLContext:
    """Read the public authorities once: it takes longer than most calls."""
    return httpx.create_ssl_context(trust_env=False)


class _Backend(httpcore.NetworkBackend):
    """Connects within the deadline, to an address of our choosing if there is a choice."""

    def __init__(self, address_for: AddressFor | None) -> None:
        self._inner = httpcore.SyncBackend()
        self._address_for = address_for

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        if self._address_for is not None:
            try:
                # The very address that was judged is connected to; TLS still asks for the name.
                host = str(ip_address(self._address_for(host, port)))
            except OSError as exc:
                raise httpcore.ConnectError(str(exc)) from exc
        stream = self._inner.connect_tcp(host, port, _left(timeout), local_address, socket_options)
        return _Stream(stream)


class _Stream(httpcore.NetworkStream):
    """A stream whose every step gets what is left of the deadline."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def _left(timeout: float | None) -> float:
    left = _ends_at.get() - monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time is over")
    return left if timeout is None else min(left, timeout)
