"""A live server and a BTCPay Server beside it, and the browser of whoever buys and consents."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import msgspec

from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.modes import Mode
from tests.simulators.btcpay.stores import Store
from tests.simulators.exchange import ConnectionCut, Request, Response
from tests.simulators.server import serving
from tests.simulators.virtual_clock import TimedClock
from tests.support.line import wait_until
from tests.support.live_server import LiveServer, free_port, live_server
from tests.support.program import Program, clean_environment, shop_with_a_tier
from tests.support.tree import ROOT


class _FormReader(HTMLParser):
    """The one form of a page, as it would be sent with its first button."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: list[tuple[str, str]] = []
        self.has_button = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert held.get("method") == "post"
            self.action = held["action"]
        is_sent = tag == "input" and (held.get("type") != "checkbox" or "checked" in held)
        if is_sent or (tag == "button" and "name" in held and not self.has_button):
            self.has_button = self.has_button or tag == "button"
            self.fields.append((held["name"], held.get("value", "")))


@dataclass(kw_only=True)
class Browser:
    """Loads pages and sends their forms; where a page sends it on, it goes."""

    http: httpx.Client

    def open(self, url: str) -> httpx.Response:
        return self.http.get(url)

    def send_form(self, page: httpx.Response, **chosen: str) -> httpx.Response:
        """Send the page's form, with its first button unless another value is ``chosen``."""
        reader = _FormReader()
        reader.feed(page.text)
        assert reader.action, page.text
        kept = [(name, value) for name, value in reader.fields if name not in chosen]
        content = httpx.QueryParams([*kept, *chosen.items()])
        return self.http.post(
            urljoin(str(page.url), reader.action),
            content=str(content),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )


@dataclass(kw_only=True)
class Town:
    """The server, its program with the same settings, and a browser."""

    server: LiveServer
    program: Program
    browser: Browser

    def connect(self) -> str:
        """Consent as an operator does, and give the id of the account."""
        link = self.server.admin("POST", "/v1/admin/btcpay/connect")["authorize_url"]
        question = self.browser.open(link)
        assert question.status_code == 200
        answered = self.browser.send_form(question)
        connected = self.browser.send_form(answered)
        assert connected.status_code == 200, connected.text
        assert str(connected.url).startswith(self.server.url)
        status = self.server.admin("GET", "/v1/admin/btcpay/status")
        assert status["connected"] is True
        account_id: str = status["provider_id"]
        return account_id

    def buy(self) -> dict[str, Any]:
        answer = self.try_to_buy()
        assert answer.status_code == 200, answer.text
        purchase: dict[str, Any] = answer.json()
        return purchase

    def try_to_buy(self) -> httpx.Response:
        return self.server.ask("POST", "/v1/purchase", {"product": "widget"})

    def pay(self, purchase: Mapping[str, Any], rail: str = "lightning") -> httpx.Response:
        """Pay at the checkout page, and give the page it leads to."""
        checkout = self.browser.open(purchase["checkout_url"])
        assert checkout.status_code == 200
        return self.browser.send_form(checkout, rail=rail)

    def poll(self, purchase: Mapping[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = self.server.ask(
            "GET", f"/v1/purchase/{purchase['invoice_id']}"
        ).json()
        return told

    def wait_for_key(self, purchase: Mapping[str, Any]) -> str:
        """Wait as the thank-you page does, and see that the key is good."""
        wait_until(lambda: self.poll(purchase)["license_key"] is not None)
        key: str = self.poll(purchase)["license_key"]
        assert self.server.validate(key)["ok"] is True
        return key

    def licenses(self) -> int:
        total: int = len(self.server.admin("GET", "/v1/admin/licenses/search")["licenses"])
        return total

    def command(self, *words: str, exit_code: int = 0) -> Any:
        """Run a command in a process of its own beside the server, and give its document."""
        done = self.program.process(*words, "--json")
        assert done.returncode == exit_code, (done.returncode, done.stdout, done.stderr)
        return msgspec.json.decode(done.stdout or done.stderr)

    def reconcile(self, exit_code: int = 0) -> Any:
        return self.command("reconcile", "--once", exit_code=exit_code)

    def job(self, name: str, exit_code: int = 0) -> Any:
        return self.command("worker", "--once", "--job", name, exit_code=exit_code)

    def wait_for_state(self, state: str) -> None:
        """Wait until ``/readyz`` says so of the one provider; the server is ready all the same."""
        wait_until(lambda: self._state() == state)

    def _state(self) -> str | None:
        answer = self.server.ask("GET", "/readyz")
        assert answer.status_code == 200
        # It is asked at most every two seconds, so what was connected just now may be missing.
        return next((one["state"] for one in answer.json()["providers"]), None)

    def log(self) -> str:
        return (self.program.folder / "server.log").read_text(encoding="utf-8", errors="replace")


@contextmanager
def town(folder: Path, btcpay_url: str, *, is_new: bool = True) -> Iterator[Town]:
    """Serve a shop that is told of a BTCPay Server; it must end well."""
    if is_new:
        shop_with_a_tier(folder)
    told = {"KEYSAT_SANDBOX_MODE": "0", "BTCPAY_URL": btcpay_url, "KEYSAT_RATE_LIMITS": "0"}
    with ExitStack() as stack:
        server = stack.enter_context(live_server(folder, **told))
        http = stack.enter_context(httpx.Client(timeout=20, trust_env=False, follow_redirects=True))
        program = Program(folder=folder, variables=told | {"KEYSAT_PUBLIC_URL": server.url})
        opened = Town(server=server, program=program, browser=Browser(http=http))
        yield opened
        if server.process.poll() is None:
            assert server.stop() == 0
        assert "Traceback" not in opened.log()


@dataclass(kw_only=True)
class Double:
    """A double in this process, served on a port that it can leave and come back to."""

    fake: FakeBTCPay
    store: Store
    port: int
    _stack: ExitStack
    _is_up: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Take no connection any more, and hang up on those that are kept."""
        self._is_up = False
        self._stack.close()

    def start(self) -> None:
        """Come back after a restart: what was to be sent is lost."""
        self.fake.restart()
        self._is_up = True
        self._stack.enter_context(serving(self, port=self.port))

    def handle(self, request: Request, /) -> Response:
        """Let the double answer while it is up."""
        if not self._is_up:
            raise ConnectionCut
        return self.fake.handle(request)


@contextmanager
def double(clock: TimedClock, mode: Mode = Mode.V2_4) -> Iterator[Double]:
    """Serve a double with one store."""
    fake = FakeBTCPay(clock, mode=mode)
    with ExitStack() as stack:
        opened = Double(fake=fake, store=fake.add_store(), port=free_port(), _stack=stack)
        opened.start()
        yield opened
    fake.check()


@dataclass(kw_only=True)
class BTCPayProcess:
    """A double in a process of its own, with one store and a key to it."""

    process: "subprocess.Popen[str]"
    url: str
    store_id: str
    api_key: str

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def btcpay_process(port: int, *, seed: int = 1) -> Iterator[BTCPayProcess]:
    """Run the double by itself. What one of the same seed began with, another begins with."""
    words = ["-m", "tests.simulators.btcpay", "--port", str(port), "--seed", str(seed)]
    with subprocess.Popen(  # noqa: S603  the words are the test's own
        [sys.executable, *words],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            told = dict(process.stdout.readline().strip().split("=", 1) for _ in range(3))
            yield BTCPayProcess(
                process=process,
                url=told["base_url"],
                store_id=told["store_id"],
                api_key=told["api_key"],
            )
        finally:
            process.kill()
