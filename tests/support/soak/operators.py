"""The operator, and what befalls BTCPay and our server as a whole."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.domain.secret import Secret
from keysat_core.errors import KeysatError
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.connections.begin_connect import BeginConnect, begin_connect
from keysat_core.use_cases.connections.disconnect_btcpay import disconnect_btcpay
from keysat_core.use_cases.connections.finish_connect import FinishConnect, finish_connect
from keysat_core.use_cases.connections.look_after_providers import list_connected
from keysat_http.provider_ticks import check_webhooks, probe_providers
from tests.simulators.btcpay.forgeries import forged, reverse_queue
from tests.simulators.btcpay.invoices import Status
from tests.simulators.btcpay.webhooks import Webhook
from tests.simulators.fault_plan import SignatureFlaw
from tests.support.simulation.violation import Violation
from tests.support.soak.market import Market
from tests.support.soak.server import Unanswered
from tests.support.trade import OPERATOR, PUBLIC_URL

SKEW_AHEAD_SECONDS: Final = 2 * DAY_SECONDS
SKEW_BACK_SECONDS: Final = HOUR_SECONDS


class Operators:
    """Whoever looks after the shop, and whatever happens to it."""

    def __init__(self, market: Market, seed: int) -> None:
        self._market = market
        self._rng = Random(f"operators {seed}")  # noqa: S311  the seed is the point
        self.troubles: dict[str, Callable[[], None]] = {
            "btcpay restarts": self._restart_btcpay,
            "btcpay is down": self._take_btcpay_down,
            "secret rotated": self._rotate_secret,
            "webhook deleted": self._delete_webhook,
            "webhook disabled": self._disable_webhook,
            "webhook registered twice": self._register_twice,
            "queue reversed": self._reverse_queue,
            "key revoked": self._revoke_key,
            "reconnected": self._reconnect,
            "clock jumps": self._turn_clock,
            "machine asleep": self._fall_asleep,
        }

    def befall(self) -> None:
        """Let one of the troubles come, drawn by the seed."""
        name = self._rng.choice(list(self.troubles))
        self._market.count(name)
        self._market.note(f"! {name}")
        self.troubles[name]()

    def account(self) -> ProviderAccount | None:
        """Give the connected account; None without one, or when nobody answers."""
        try:
            accounts = self._market.server.run(lambda ports: list_connected(store=ports.store))
        except (Unanswered, KeysatError):
            return None
        return accounts[0] if accounts else None

    # --- the connection -------------------------------------------------------------------------

    def connect(self) -> None:
        """Connect the store anew until it is; whatever was connected is disconnected first."""
        try:
            self._market.server.run(self._connect)
        except (Unanswered, KeysatError) as problem:
            self._market.note(f"not connected: {type(problem).__name__}: {problem}")
            self._market.later(30, 600, self.connect)

    def _connect(self, ports: Ports) -> None:
        market = self._market
        disconnect_btcpay(
            OPERATOR, None, store=ports.store, clock=ports.clock, ids=ports.ids, btcpay=ports.btcpay
        )
        link = begin_connect(
            OPERATOR,
            BeginConnect(),
            public_url=PUBLIC_URL,
            is_sandbox=False,
            store=ports.store,
            clock=ports.clock,
            entropy=ports.entropy,
            btcpay=ports.btcpay,
        )
        form = market.fake.approve(link.authorize_url, [market.store.id])
        market.secrets.add(form.value("apiKey"))
        market.secrets.add(link.token.reveal())
        connected = finish_connect(
            OPERATOR,
            FinishConnect(token=link.token, api_key=Secret(form.value("apiKey"))),
            public_url=PUBLIC_URL,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            entropy=ports.entropy,
            btcpay=ports.btcpay,
        )
        if connected.account.webhook_secret is not None:
            market.secrets.add(connected.account.webhook_secret.reveal())
        market.note(f"connected as {connected.account.id}")
        # What could not be deleted at the server is deleted by hand, as the operator is told.
        for webhook in market.fake.webhooks():
            if webhook.id != connected.account.webhook_id:
                market.later(0, 6 * HOUR_SECONDS, partial(self._remove, webhook))

    def heal(self) -> None:
        """See at the end that there is a connection with a good key; webhooks may stay broken."""
        account = self.account()
        keys = self._market.fake.world.keys
        if account is None or account.api_key is None or account.api_key.reveal() not in keys:
            self.connect()

    def look_after(self) -> None:
        """Do what the server does now and then: probe the account and see to its webhook."""
        for work in (probe_providers, lambda ports: check_webhooks(ports, PUBLIC_URL)):
            try:
                self._market.server.run(work)
            except (Unanswered, KeysatError) as problem:
                self._market.note(f"not looked after: {type(problem).__name__}")

    # --- forgeries ------------------------------------------------------------------------------

    def forge(self) -> None:
        """Send a webhook that says what is not so, or that we did not ask for."""
        market, rng = self._market, self._rng
        world = market.fake.world
        if not world.webhooks:
            return
        webhook = rng.choice(list(world.webhooks.values()))
        newest = list(world.invoices.values())[-200:]
        unpaid = [one.id for one in newest if one.status is Status.NEW]
        about = rng.choice([*unpaid[-20:], "unknown-invoice", None])
        flaw = rng.choice((None, None, *SignatureFlaw))
        claim = rng.choice(("InvoiceSettled", "InvoiceSettled", "InvoiceExpired", "InvoiceInvalid"))
        is_foreign = rng.random() < 0.1
        forgery = forged(
            world,
            webhook,
            claim,
            about,
            store_id="another-store" if is_foreign else None,
            flaw=flaw,
        )
        market.count("forged")
        market.note(f"forged {claim} of {about}, flaw {flaw}")
        try:
            status = market.fake.send(forgery)
        except OSError:
            return
        if flaw is not None and status == 200:
            raise Violation(f"a webhook with a bad signature was taken: {flaw}")

    # --- troubles -------------------------------------------------------------------------------

    def _restart_btcpay(self) -> None:
        self._market.fake.restart()
        self._go_down(600)

    def _take_btcpay_down(self) -> None:
        self._go_down(3 * HOUR_SECONDS)

    def _go_down(self, most: int) -> None:
        weather = self._market.weather
        weather.is_down = True

        def come_back() -> None:
            weather.is_down = False

        self._market.later(10, most, come_back)

    def _rotate_secret(self) -> None:
        for webhook in self._market.fake.webhooks():
            self._market.secrets.add(self._market.fake.rotate_secret(webhook.id))
        self._reconnect_later(12 * HOUR_SECONDS)

    def _delete_webhook(self) -> None:
        for webhook in self._market.fake.webhooks():
            self._market.fake.delete_webhook(webhook.id)

    def _disable_webhook(self) -> None:
        for webhook in self._market.fake.webhooks():
            self._market.fake.disable_webhook(webhook.id)
        self._reconnect_later(12 * HOUR_SECONDS)

    def _register_twice(self) -> None:
        world = self._market.fake.world
        if not world.webhooks:
            return
        webhook = self._rng.choice(list(world.webhooks.values()))
        second = Webhook(
            id=world.ids.short(),
            store_id=webhook.store_id,
            url=webhook.url,
            secret=webhook.secret,
            everything=webhook.everything,
            specific_events=webhook.specific_events,
        )
        world.add_webhook(second)
        self._market.later(HOUR_SECONDS, 6 * HOUR_SECONDS, lambda: self._remove(second))

    def _remove(self, webhook: Webhook) -> None:
        if not webhook.is_deleted:
            self._market.fake.delete_webhook(webhook.id)

    def _reverse_queue(self) -> None:
        for webhook in self._market.fake.webhooks():
            if not webhook.is_sending:
                reverse_queue(webhook)

    def _revoke_key(self) -> None:
        account = self.account()
        if account is not None and account.api_key is not None:
            key = account.api_key.reveal()
            if key in self._market.fake.world.keys:
                self._market.fake.revoke_key(key)
        self._reconnect_later(6 * HOUR_SECONDS)

    def _reconnect(self) -> None:
        self._reconnect_later(600)

    def _reconnect_later(self, most: int) -> None:
        self._market.later(5, most, self.connect)

    def _turn_clock(self) -> None:
        clock = self._market.server.clock
        clock.skew_seconds = self._rng.choice(
            (
                -self._rng.randint(1, SKEW_BACK_SECONDS),
                self._rng.randint(1, SKEW_AHEAD_SECONDS),
            )
        )

        def set_right() -> None:
            clock.skew_seconds = 0

        self._market.later(60, 6 * HOUR_SECONDS, set_right)

    def _fall_asleep(self) -> None:
        self._market.server.die(self._rng.randint(600, 6 * HOUR_SECONDS))
