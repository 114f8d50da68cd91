"""Serves a double on a loopback port, where timeouts and cuts are real ones."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Final, cast
from urllib.parse import parse_qsl

from tests.simulators.exchange import (
    ConnectionCut,
    NeverAnswered,
    NotReachable,
    Request,
    Response,
    Service,
)

BODY_BYTES_MAX: Final = 4 << 20
HANG_SECONDS: Final = 120
"""How long a connection that is never answered stays open; longer than any caller waits."""


@contextmanager
def serving(
    service: Service, *, port: int = 0, hang_seconds: float = HANG_SECONDS
) -> Iterator[str]:
    """Serve on 127.0.0.1 while the block runs and give the base URL, without a slash at the end."""
    server = _Server(service, port, hang_seconds)
    thread = Thread(target=server.serve_forever, args=(0.05,), name="double", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.is_stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, service: Service, port: int, hang_seconds: float) -> None:
        self.service = service
        self.hang_seconds = hang_seconds
        self.is_stopping = Event()
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _double(self) -> _Server:
        return cast("_Server", self.server)

    def _serve(self) -> None:
        try:
            answer = self._double.service.handle(self._request())
        except NeverAnswered:
            self._double.is_stopping.wait(self._double.hang_seconds)
            self._hang_up()
        except (ConnectionCut, NotReachable):
            self._hang_up()
        except Exception:
            self._hang_up()
            raise
        else:
            self._answer(answer)

    def _request(self) -> Request:
        path, _, query = self.path.partition("?")
        length = min(int(self.headers.get("content-length") or 0), BODY_BYTES_MAX)
        host = self.headers.get("host") or "127.0.0.1"
        scheme = self.headers.get("x-forwarded-proto") or "http"
        return Request(
            method=self.command,
            path=path,
            query=tuple(parse_qsl(query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
            base_url=f"{scheme}://{host}",
        )

    def _answer(self, answer: Response) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the journal knows more."""

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _serve  # noqa: N815
