"""A server on a loopback port, the program beside its database, and the program far from it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import httpx
from litestar.routes import HTTPRoute
from litestar.testing import TestClient
from structlog.testing import capture_logs

from keysat_adapters.sandbox.gate import Sandbox, load_sandbox
from keysat_cli.application import build_app
from keysat_cli.environment import Environment
from keysat_cli.remote.table import REMOTE
from keysat_cli.settings import read_serve_settings
from keysat_cli.wiring import CLOCK, ENTROPY, Wiring, open_wiring
from keysat_http.app import Application
from tests.simulators.exchange import Request, Response
from tests.simulators.server import serving
from tests.support.http import FromPeer
from tests.support.program import ADMIN_KEY, Program

PUBLIC_URL: Final = "https://shop.example"


@dataclass(kw_only=True)
class Door:
    """Carries requests into the application, and remembers which operations they were for."""

    app: Application
    client: TestClient[FromPeer]
    operations: set[str] = field(default_factory=set)
    requests: list[Request] = field(default_factory=list)

    def handle(self, request: Request) -> Response:
        self.requests.append(request)
        self.operations |= self._operation(request)
        kept = {"authorization", "content-type", "accept", "idempotency-key"}
        answer = self.client.request(
            request.method,
            request.path,
            params=list(request.query),
            content=request.body,
            headers={name: value for name, value in request.headers.items() if name in kept},
        )
        return Response(
            status=answer.status_code,
            headers={"content-type": answer.headers["content-type"]},
            body=answer.content,
        )

    @cached_property
    def routes(self) -> list[tuple[int, str, re.Pattern[str], str]]:
        found = [
            (
                route.path_format.count("{"),
                method,
                re.compile(re.sub(r"\{[^}]*\}", "[^/]+", route.path_format)),
                handler.handler_name,
            )
            for route in self.app.litestar.routes
            if isinstance(route, HTTPRoute)
            for method, (handler, *_) in route.route_handler_map.items()
        ]
        return sorted(found, key=lambda one: one[0])

    def _operation(self, request: Request) -> set[str]:
        for _, method, pattern, name in self.routes:
            if method == request.method and pattern.fullmatch(request.path):
                return {name}
        return set()


@dataclass(kw_only=True)
class RemoteShop:
    """What a test holds on to. ``near`` has the database; ``far`` only the address and the key."""

    url: str
    door: Door
    near: Program
    far: Program
    wiring: Wiring
    sandbox: Sandbox
    used: set[str] = field(default_factory=set)

    def run(self, *words: str, stdin: str = "") -> Any:
        """Run a command at the server; it must succeed."""
        self._note(words)
        return self.far.json(*words, stdin=stdin)

    def refused(self, *words: str) -> Any:
        """Run a command that the server refuses; give the envelope."""
        self._note(words)
        return self.far.refusal(*words)[1]

    def hear(self, *words: str) -> list[str]:
        """Run a command that prints line after line."""
        self._note(words)
        return self.far.text(*words).splitlines()

    def same(self, *words: str) -> Any:
        """Run a command on both sides; what they print must be the same to the byte."""
        self._note(words)
        far = self.far.text(*words, "--json")
        assert far == self.near.text(*words, "--json"), words
        assert self.far.text(*words)
        return self.far.json(*words)

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Ask the server as a buyer or the sold software does."""
        answer: httpx.Response = self.door.client.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _note(self, words: tuple[str, ...]) -> None:
        self.used |= {path for path in (" ".join(words[:2]), words[0]) if path in REMOTE}


@contextmanager
def remote_shop(folder: Path, **variables: str) -> Iterator[RemoteShop]:
    """Serve the database of a folder, with pretend money, on a loopback port."""
    home = folder / "far"
    home.mkdir()
    near = Program(
        folder=folder,
        variables={
            "KEYSAT_PUBLIC_URL": PUBLIC_URL,
            "KEYSAT_SANDBOX_MODE": "1",
            "KEYSAT_BIND": "127.0.0.1:1",
            **variables,
        },
    )
    told = Environment(near.settings | {"KEYSAT_ADMIN_API_KEY": ADMIN_KEY})
    settings = read_serve_settings(told)

    def load() -> Sandbox:
        return load_sandbox(
            is_sandbox_mode=True,
            ledger_path=settings.store.sandbox_path,
            public_base=PUBLIC_URL,
            clock=CLOCK,
            entropy=ENTROPY,
            send=lambda _path, _headers, _body: None,
            after_act=lambda: None,
        )

    # What the server logs must not stand in what the program prints: both are this process.
    with capture_logs(), open_wiring(settings.store, sandbox_loader=load) as wiring:
        assert wiring.sandbox is not None
        app = build_app(wiring, settings)
        with TestClient(FromPeer(app=app, peer="127.0.0.1")) as client:
            door = Door(app=app, client=client)
            with serving(door) as url:
                far = Program(
                    folder=home, variables={"KEYSAT_URL": url, "KEYSAT_API_KEY": ADMIN_KEY}
                )
                yield RemoteShop(
                    url=url,
                    door=door,
                    near=near,
                    far=far,
                    wiring=wiring,
                    sandbox=wiring.sandbox,
                )
        wiring.sandbox.close()
