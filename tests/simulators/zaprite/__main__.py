"""Runs the Zaprite double on a port, on the time of the day, for playing with it by hand.

``python -m tests.simulators.zaprite [--port N] [--seed N] [--webhook URL]``

Pay on the page an order's ``checkoutUrl`` leads to.
"""

import argparse
import sys
from collections.abc import Mapping
from contextlib import suppress
from threading import Event
from typing import Final

import httpx

from tests.simulators.server import serving
from tests.simulators.wall_clock import WallClock
from tests.simulators.zaprite.fake_zaprite import FakeZaprite

WEBHOOK_SECONDS: Final = 30


def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """Post a webhook over the network.

    Raises:
        httpx.HTTPError: There is no answer.
    """
    answer = httpx.post(url, headers=dict(headers), content=body, timeout=WEBHOOK_SECONDS)
    return answer.status_code


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.zaprite")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--seed", type=int, default=0, help="draws ids and keys")
    parser.add_argument(
        "--webhook", action="append", default=[], help="a URL to paste into the dashboard"
    )
    given = parser.parse_args()
    clock = WallClock()
    zaprite = FakeZaprite(clock, given.seed, post, checkout_base_url=None)
    for url in given.webhook:
        zaprite.add_webhook(url, zaprite.live)
    with serving(zaprite, port=given.port) as base_url, suppress(KeyboardInterrupt):
        sys.stdout.write(
            f"base URL         {base_url}\n"
            f"API key          {zaprite.live.api_key}\n"
            f"sandbox API key  {zaprite.sandbox.api_key}\n"
        )
        sys.stdout.flush()
        Event().wait()
    clock.close()


if __name__ == "__main__":
    main()
