"""What runs by itself: the ticks of each server process, and the courier with the webhooks."""

from random import Random
from typing import Final

from keysat_core.domain.merchant import ProviderKind
from keysat_core.errors import KeysatError
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.note_webhook import NoteWebhook
from keysat_http.rounds import one_by_one
from keysat_http.shop_ticks import shop_ticks
from tests.support.landing import take_webhook
from tests.support.scripted_provider import SIGNATURE, about
from tests.support.simulation.market import NO_ANSWER, Market, check_after_pass
from tests.support.simulation.process import Process, Unanswered
from tests.support.trade import BUYER

TICKS: Final = {
    "receipts": 5,
    "deliveries": 5,
    "reconcile": 60,
    "renewals": 60,
    "code_slots": 300,
    "tips": 10,
    "saved_payments": 10,
    "heartbeats": 3_600,
    "purge": 3_600,
}
"""What is run, and how often; a test holds it against what the server runs."""


def keep_ticking(market: Market, process: Process, name: str, rng: Random) -> None:
    """Run one tick of one process as its server does: again and again, and never two at once."""
    while market.stage.rest(max(1, round(TICKS[name] * rng.uniform(0.9, 1.1)))):
        if process.ports is not None:
            tick(market, process, name)


def tick(market: Market, process: Process, name: str) -> None:
    """Run a tick once; an error waits for the next one."""
    started_at = market.stage.now
    try:
        process.run(f"tick {name}", lambda ports: _run(ports, name))
    except (Unanswered, KeysatError) as problem:
        market.stage.note(f"tick failed: {type(problem).__name__}")
        return
    if name == "reconcile":
        check_after_pass(market, started_at)


def tick_all(market: Market, process: Process) -> None:
    """Run every tick of a process once."""
    for name in TICKS:
        tick(market, process, name)


def _run(ports: Ports, name: str) -> None:
    # A server writes them by a thread of its own, which a simulation must not have.
    ports.heartbeats.flush()
    ticks = shop_ticks(ports, fan_out=one_by_one, among_accounts=one_by_one)
    (run,) = (tick.run for tick in ticks if tick.name == name)
    run()


def carry_webhooks(market: Market, rng: Random) -> None:
    """Deliver webhooks in any order; some get lost, come twice, or say what is not so."""
    outgoing = market.service.outgoing
    while outgoing:
        body = outgoing.pop(rng.randrange(len(outgoing)) if rng.random() < 0.5 else 0)
        if market.stage.strikes("webhook_lost"):
            continue
        if market.stage.strikes("webhook_doubled"):
            outgoing.append(body)
        if market.stage.strikes("webhook_forged"):
            _deliver(market, rng, market.service.forge(rng))
        if not _deliver(market, rng, body):
            outgoing.append(body)
            return
        market.told_at[about(body)] = market.stage.now


def _deliver(market: Market, rng: Random, body: bytes) -> bool:
    """Deliver once; False when it was not taken and must be brought again."""
    command = NoteWebhook(
        account_id=market.account_id, kind=ProviderKind.BTCPAY, headers=SIGNATURE, body=body
    )
    try:
        market.server(rng).call(
            f"webhook {body.decode()}", lambda ports: take_webhook(ports, BUYER, command)
        )
    except NO_ANSWER:
        return False
    return True
