"""Carries the sandbox's webhooks to this server over HTTP, at once when it is woken."""

from collections.abc import Callable, Mapping
from threading import Lock, Thread

from keysat_adapters.sandbox.http_send import HTTPSend
from keysat_cli.bind import Bind
from keysat_core.errors import ConfigurationError


class OwnServer:
    """This server as its own sandbox reaches it; keeps ``sandbox.deliveries.Send``.

    Raises:
        ConfigurationError: the server listens where its own machine's loopback does not reach it.
    """

    def __init__(self, bind: Bind) -> None:
        self._host = bind.own_host
        self._send: HTTPSend | None = None
        try:
            HTTPSend(base_url=f"http://{self._host}:{bind.port}")
        except ConfigurationError as exc:
            raise ConfigurationError(
                "KEYSAT_BIND", "in sandbox mode must be 127.0.0.1, 0.0.0.0, [::1] or [::]"
            ) from exc

    def listens(self, port: int) -> None:
        """Take note of the port; until then nothing is sent."""
        self._send = HTTPSend(base_url=f"http://{self._host}:{port}")

    def __call__(self, path: str, headers: Mapping[str, str], body: bytes) -> int | None:
        """POST a webhook and give the status; None for no answer."""
        return self._send(path, headers, body) if self._send else None


class Courier:
    """Runs a round in a thread of its own when woken, and one more if woken meanwhile.

    ``deliver`` must not raise.
    """

    def __init__(self, deliver: Callable[[], object]) -> None:
        self._deliver = deliver
        self._lock = Lock()
        self._is_running = False
        self._is_wanted = False

    def wake(self) -> None:
        """Ask for a round; returns at once."""
        with self._lock:
            self._is_wanted = True
            if self._is_running:
                return
            self._is_running = True
        Thread(target=self._run, name="courier", daemon=True).start()

    def _run(self) -> None:
        while self._take_wish():
            self._deliver()

    def _take_wish(self) -> bool:
        with self._lock:
            wanted, self._is_wanted = self._is_wanted, False
            # In one step with the last look, so that no wish falls between the two.
            self._is_running = wanted
            return wanted
