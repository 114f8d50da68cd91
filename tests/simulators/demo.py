"""``make demo-btcpay``: the demo's sale, paid at the double of BTCPay Server.

Everything goes over loopback HTTP as between strangers: a browser with two sites, a server that
asks another, and webhooks. Needs a checkout; the double is no part of the package.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

import click
import httpx

from keysat_cli.bind import PORT_MAX, Bind
from keysat_cli.commands.demo.command import (
    ANSWER_SECONDS,
    PORT,
    Demo,
    emit_end,
    end_as_by_ctrl_c,
    serve_on,
)
from keysat_cli.commands.demo.forms import Form, find_form
from keysat_cli.commands.demo.sale import PRODUCT, Sale, walk_a_sale
from keysat_cli.commands.demo.shop import HOST, DemoShop, running_shop
from keysat_cli.commands.demo.transcript import Transcript
from keysat_cli.commands.demo.walk import Walk, expect
from keysat_cli.failures import DifferencesFound, exit_code_after
from keysat_cli.groups import JSONCommand
from keysat_cli.listening import free_port, refuse_taken
from keysat_cli.output import emit, is_json_wanted
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.invoices import Rail
from tests.simulators.server import serving
from tests.simulators.wall_clock import WallClock

BTCPAY_PORT: Final = 23000
"""Where BTCPay's packages listen."""

STORE: Final = "Demo store"
WEBHOOK_SECONDS: Final = 10.0
"""How long a webhook may take; it is sent within a second."""

LOOK_SECONDS: Final = 0.02
_PORT: Final = click.IntRange(1, PORT_MAX)


class BTCPayWalk:
    """Connects the double and pays there, as people do in a browser."""

    def __init__(self, fake: FakeBTCPay) -> None:
        self._fake = fake

    def connect(self, walk: Walk) -> None:
        """Let the shop use the store.

        Raises:
            DifferencesFound: a step does not go as it should.
        """
        walk.transcript.begin("The seller asks for a link to connect BTCPay.")
        path = "/v1/admin/btcpay/connect"
        link = walk.call("POST", path, {}, shows=["authorize_url"], is_seller=True)
        url = str(link["authorize_url"])

        walk.transcript.begin("The seller opens it and approves; BTCPay hands over a key.")
        question = _form(walk.visit("GET", url), url)
        approved = question.pressed("Authorize")
        if approved is None:
            raise DifferencesFound("the consent page has no button to approve with")
        handover = _form(walk.visit("POST", url, form=approved), url)
        fields = ", ".join(sorted({name for name, _ in handover.fields}))
        walk.transcript.note(f"the page posts itself to the shop, with {fields}")
        walk.visit("POST", handover.action, form=handover.fields)

        walk.transcript.begin("The seller looks at what is connected.")
        shows = ["connected", "store_id", "webhook_id", "base_url", "label"]
        status = walk.call("GET", "/v1/admin/btcpay/status", shows=shows, is_seller=True)
        (store,) = self._fake.world.stores.values()
        expect(status, connected=True, store_id=store.id)
        for webhook in self._fake.webhooks():
            walk.transcript.note(f"BTCPay will tell {webhook.url}")

    def pay(self, walk: Walk, checkout_url: str) -> None:
        """Pay at the checkout by lightning, and wait until the shop was told.

        Raises:
            DifferencesFound: a step does not go as it should.
        """
        walk.transcript.begin("The buyer pays at BTCPay's checkout, by lightning.")
        form = _form(walk.visit("GET", checkout_url), checkout_url)
        lightning = form.pressed(Rail.LIGHTNING)
        if lightning is None:
            raise DifferencesFound(f"{checkout_url} has no button to pay by lightning")
        pay_url = httpx.URL(checkout_url).join(form.action)
        paid = walk.visit("POST", str(pay_url), form=lightning, expected=HTTPStatus.SEE_OTHER)
        walk.visit("GET", str(pay_url.join(paid.headers["location"])))

        walk.transcript.begin("BTCPay tells the shop, which asks it whether that is true.")
        self._wait_until_told(walk)
        asked = len(self._fake.journal.calls("get_invoice"))
        walk.transcript.note(f"the shop has asked BTCPay about invoices {asked} times")

    def _wait_until_told(self, walk: Walk) -> None:
        deadline = time.monotonic() + WEBHOOK_SECONDS
        while not (attempts := self._fake.journal.attempts("InvoiceSettled")):
            if time.monotonic() > deadline:
                raise DifferencesFound(f"no webhook within {WEBHOOK_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)
        told = attempts[-1]
        walk.transcript.note(f"webhook InvoiceSettled, answered with {told.status}")
        if told.status != HTTPStatus.OK:
            raise DifferencesFound(f"the webhook was answered with {told.status} {told.error}")


@click.command(cls=JSONCommand)
@click.option("--port", type=_PORT, help=f"Where the shop listens; else {PORT}, or any free port.")
@click.option(
    "--btcpay-port",
    type=_PORT,
    help=f"Where the double listens; else {BTCPAY_PORT}, or any free port.",
)
@click.option("--once", is_flag=True, help="End after the sale instead of serving on.")
def demo(*, port: int | None, btcpay_port: int | None, once: bool) -> None:
    """Sell a license on this machine, paid at a double of BTCPay Server.

    Starts the double and a real server on a temporary database, connects them and sells one
    license, and shows every request. Nothing but a temporary folder is touched, and that is removed
    at the end.
    """
    for setting, chosen in (("--port", port), ("--btcpay-port", btcpay_port)):
        if chosen is not None:
            refuse_taken(Bind(host=HOST, port=chosen), setting=setting)
    end_as_by_ctrl_c()
    transcript = Transcript(is_silent=is_json_wanted())
    fake_port = btcpay_port or free_port(HOST, preferred=BTCPAY_PORT)
    with (
        _running_double(fake_port) as (fake, btcpay_url),
        running_shop(
            port or free_port(HOST, preferred=PORT), KEYSAT_SANDBOX_MODE="", BTCPAY_URL=btcpay_url
        ) as shop,
    ):
        by_hand = BTCPayWalk(fake)
        with httpx.Client(base_url=shop.url, timeout=ANSWER_SECONDS, trust_env=False) as client:
            walk = Walk(shop, client, transcript)
            by_hand.connect(walk)
            sale = walk_a_sale(walk, by_hand.pay)
        view = Demo(ok=True, url=shop.url, sale=sale, steps=transcript.steps)
        if once:
            emit(view, [])
        else:
            serve_on(shop, view, _invitation(shop, btcpay_url, sale))
    emit_end(is_once=once)


@contextmanager
def _running_double(port: int) -> Iterator[tuple[FakeBTCPay, str]]:
    clock = WallClock()
    fake = FakeBTCPay(clock)
    fake.add_store(STORE)
    try:
        with serving(fake, port=port) as url:
            yield fake, url
    finally:
        clock.close()


def _form(page: httpx.Response, url: str) -> Form:
    form = find_form(page.text)
    if form is None:
        raise DifferencesFound(f"{url.partition('?')[0]} has no form")
    return form


def _invitation(shop: DemoShop, btcpay_url: str, sale: Sale) -> list[str]:
    return [
        "",
        click.style("Both stay open. Ctrl-C closes them and removes the folder.", bold=True),
        "",
        f"   Server         {shop.url}/",
        f"   BTCPay double  {btcpay_url}/",
        f"   Checkout       {sale.checkout_url}",
        f"   Admin API key  {shop.admin_api_key}",
        f"   License key    {sale.license_key}",
        f"   Database       {shop.folder / 'keysat.db'}",
        "",
        "   Buy again, and pay at the checkout_url it answers, in a browser:",
        f"   curl -s {shop.url}/v1/purchase -H 'content-type: application/json' \\",
        f'        -d \'{{"product":"{PRODUCT}","policy_slug":"standard"}}\'',
    ]


def main() -> None:
    """Run it, and end as every command of Keysat does."""
    words = sys.argv[1:]

    def run() -> object:
        return demo.main(words, "make demo-btcpay", standalone_mode=False)

    sys.exit(exit_code_after(run, is_json="--json" in words))


if __name__ == "__main__":
    main()
