"""A reverse proxy whose server behind it is gone: it answers, but never what a client hopes for."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import ClassVar, Final

LONG_PAGE: Final = "<html>" + "Bad Gateway " * 50 + "</html>"


class _Answers(BaseHTTPRequestHandler):
    """The first part of the path says what is broken."""

    over: ClassVar[Event]

    def do_GET(self) -> None:
        broken = self.path.split("/")[1]
        if broken == "hangs":
            self.over.wait()
            return
        status = {"gone": 502, "moved": 307, "page": 200}[broken]
        self.send_response(status)
        if status == 307:
            self.send_header("Location", "/page")
        self.send_header("Content-Length", str(len(LONG_PAGE)))
        self.end_headers()
        self.wfile.write(LONG_PAGE.encode())

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@contextmanager
def broken_proxy() -> Iterator[str]:
    """Give its address; under it are ``/gone``, ``/moved``, ``/page`` and ``/hangs``."""
    over = Event()
    answers = type("Answers", (_Answers,), {"over": over})
    with ThreadingHTTPServer(("127.0.0.1", 0), answers) as proxy:
        Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_address[1]}"
        finally:
            over.set()
            proxy.shutdown()
