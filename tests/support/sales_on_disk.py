"""Sales made through a server in sandbox mode, and what became of them while nobody looked."""

from pathlib import Path
from typing import Final

from keysat_cli.application import open_worker
from keysat_cli.environment import Environment
from keysat_cli.settings import read_worker_settings
from keysat_core.ports.sandbox import PretendPayment
from tests.support.live_server import live_server
from tests.support.program import Program, shop_with_a_tier

SANDBOX: Final = {"KEYSAT_SANDBOX_MODE": "1", "KEYSAT_BIND": "127.0.0.1:1"}


def sold_unseen(folder: Path, *payments: PretendPayment | None) -> tuple[Program, list[str]]:
    """Sell once for each payment, and let it happen when no server runs; None: nothing happens."""
    shop_with_a_tier(folder)
    with live_server(folder) as server:
        bought = [
            server.ask("POST", "/v1/purchase", {"product": "widget"}).json() for _ in payments
        ]
    program = Program(folder=folder, variables=SANDBOX)
    settings = read_worker_settings(Environment(program.settings))
    with open_worker(settings) as (wiring, _):
        assert wiring.sandbox is not None
        for purchase, payment in zip(bought, payments, strict=True):
            if payment is not None:
                wiring.sandbox.till.act(purchase["btcpay_invoice_id"], payment)
        wiring.sandbox.close()
    return program, [purchase["invoice_id"] for purchase in bought]
