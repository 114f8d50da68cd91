"""Subscribers to events: one that answers as it is told without a network, and a real one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread

from keysat_core.domain.webhook_delivery import Reply

TAKEN = Reply(status_code=200)
DOWN = Reply(status_code=None, text="connection refused")


@dataclass(frozen=True, kw_only=True)
class Post:
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def delivery_id(self) -> str:
        return self.headers["X-Keysat-Delivery"]


@dataclass(kw_only=True)
class ScriptedSubscribers:
    """Implements ``ports.sender.WebhookSender``: any number of them, told apart by their URL."""

    answer: Callable[[Post], Reply] = lambda _: TAKEN
    posts: list[Post] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        post = Post(url=url, headers=headers, body=body)
        with self.lock:
            self.posts.append(post)
        return self.answer(post)

    def bodies_of(self, url: str) -> list[bytes]:
        with self.lock:
            return [post.body for post in self.posts if post.url == url]


@dataclass(kw_only=True)
class RealSubscriber:
    """Listens on a loopback port. ``status`` and ``answer`` are what everybody gets."""

    url: str = ""
    status: int = 200
    answer: bytes = b"ok"
    answer_headers: dict[str, str] = field(default_factory=dict)
    hangs_until: Event | None = None
    posts: list[Post] = field(default_factory=list)


@contextmanager
def real_subscriber() -> Iterator[RealSubscriber]:
    subscriber = RealSubscriber()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            subscriber.posts.append(
                Post(url=self.path, headers=dict(self.headers.items()), body=body)
            )
            if subscriber.hangs_until is not None:
                subscriber.hangs_until.wait(30)
            self.send_response(subscriber.status)
            for name, value in subscriber.answer_headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(subscriber.answer)))
            self.end_headers()
            self.wfile.write(subscriber.answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Whoever hung up does not mind."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        subscriber.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        try:
            yield subscriber
        finally:
            if subscriber.hangs_until is not None:
                subscriber.hangs_until.set()
            server.shutdown()
            thread.join()
