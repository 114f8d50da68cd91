"""The command: start a shop, walk one sale, keep serving."""

import signal
import time
from collections.abc import Iterable
from types import FrameType
from typing import Final

import click
import httpx
import msgspec

from keysat_cli.bind import PORT_MAX, Bind
from keysat_cli.commands.demo.sale import PRODUCT, Sale, walk_a_sale
from keysat_cli.commands.demo.shop import HOST, DemoShop, running_shop
from keysat_cli.commands.demo.transcript import Step, Transcript
from keysat_cli.commands.demo.walk import Walk
from keysat_cli.groups import JSONCommand
from keysat_cli.listening import free_port, refuse_taken
from keysat_cli.output import emit, is_json_wanted

PORT: Final = 8080
ANSWER_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.5
"""How often the waiting demo looks whether its server still runs."""


class Demo(msgspec.Struct, frozen=True, kw_only=True):
    """The whole walk."""

    ok: bool
    url: str
    sale: Sale
    steps: list[Step]


@click.command(cls=JSONCommand)
@click.option(
    "--port",
    type=click.IntRange(1, PORT_MAX),
    help=f"Where to listen; else {PORT}, or any free port if that is taken.",
)
@click.option("--once", is_flag=True, help="End after the sale instead of serving on.")
def demo(*, port: int | None, once: bool) -> None:
    """Sell a license on this machine with pretend money.

    Starts a real server on a temporary database, sells one license through its HTTP API, and shows
    every request. Nothing outside a temporary folder is touched, and that is removed at the end.
    """
    if port is not None:
        refuse_taken(Bind(host=HOST, port=port), setting="--port")
    end_as_by_ctrl_c()
    transcript = Transcript(is_silent=is_json_wanted())
    with running_shop(port or free_port(HOST, preferred=PORT)) as shop:
        with httpx.Client(base_url=shop.url, timeout=ANSWER_SECONDS, trust_env=False) as client:
            sale = walk_a_sale(Walk(shop, client, transcript))
        view = Demo(ok=True, url=shop.url, sale=sale, steps=transcript.steps)
        if once:
            emit(view, [])
        else:
            serve_on(shop, view, _invitation(shop, sale))
    emit_end(is_once=once)


def emit_end(*, is_once: bool) -> None:
    """Say that everything went well, where a document does not say so already."""
    if not is_json_wanted():
        click.echo("\nThe sale went as it should." if is_once else "\nStopped; nothing is left.")


def serve_on(shop: DemoShop, view: Demo, invitation: Iterable[str]) -> None:
    """Invite the reader in and wait for Ctrl-C, which from the first word on is the good end."""
    try:
        emit(view, invitation)
        while True:
            shop.refuse_dead()
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        return


def _invitation(shop: DemoShop, sale: Sale) -> list[str]:
    return [
        "",
        click.style("The shop stays open. Ctrl-C closes it and removes its folder.", bold=True),
        "",
        f"   Server         {shop.url}/",
        f"   API            {shop.url}/v1/openapi.json",
        f"   Checkout       {sale.checkout_url}",
        f"   Admin API key  {shop.admin_api_key}",
        f"   License key    {sale.license_key}",
        f"   Database       {shop.folder / 'keysat.db'}",
        "",
        "   Buy again:",
        f"   curl -s {shop.url}/v1/purchase -H 'content-type: application/json' \\",
        f'        -d \'{{"product":"{PRODUCT}","policy_slug":"standard"}}\'',
    ]


def end_as_by_ctrl_c() -> None:
    """Let SIGTERM end the demo as Ctrl-C does, so that nothing is left behind."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
