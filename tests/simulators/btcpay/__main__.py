"""Runs the double on a port by the wall clock: ``python -m tests.simulators.btcpay``."""

import argparse
import secrets
import sys
from collections.abc import Sequence

from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.modes import Mode
from tests.simulators.server import serving
from tests.simulators.wall_clock import WallClock

DEFAULT_PORT = 23000


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted; what a caller needs is printed first, one fact a line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.btcpay")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 picks a free one")
    parser.add_argument("--mode", choices=[*Mode], default=Mode.V2_4)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    chosen = parser.parse_args(arguments)
    clock = WallClock()
    fake = FakeBTCPay(clock, chosen.seed, chosen.mode, is_contract_checked=False)
    store = fake.add_store("Demo store")
    key = fake.add_key(store.id)
    with serving(fake, port=chosen.port) as base_url:
        print(f"base_url={base_url}\nstore_id={store.id}\napi_key={key}", flush=True)  # noqa: T201
        try:
            clock.wait_closed()
        except KeyboardInterrupt:
            sys.exit(0)


if __name__ == "__main__":
    main()
