"""What processes without a server do to a shared database at the same instant as others.

They are told to start together: each opens the database, says so and waits for a file to appear.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from keysat_adapters.system.ids import RandomIds
from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.machine import Candidate
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import InvoiceOrder
from keysat_core.domain.product import PriceInput
from keysat_core.domain.validation import Valid
from keysat_core.errors import TierCapReached
from keysat_core.ports.sandbox import PretendPayment
from keysat_core.use_cases.machines.deactivate_machine import (
    DeactivateMachine,
    deactivate_machine,
)
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from keysat_core.use_cases.purchases.poll_purchase import poll_purchase
from keysat_core.use_cases.purchases.settle_invoice import settle_invoice
from keysat_http.logs import configure_logs
from keysat_http.receipt_rounds import settle_noted_receipts
from keysat_http.reconciling import reconcile_backlog
from tests.support.nursery import Child, Household
from tests.support.sandbox_process import open_sandboxed
from tests.support.trade import BUYER, CREATOR, OPERATOR, Trade, payload_in, reopen_trade

WAIT_SECONDS: Final = 30.0
GLANCE_SECONDS: Final = 0.001


def in_processes(home: Household, work: str, *arguments: tuple[object, ...]) -> list[Any]:
    """Run the work in one new process per tuple of arguments, all starting together."""
    start = home.folder / f"start-{time.monotonic_ns()}"
    children = [home.start("contender", str(start), work, json.dumps(each)) for each in arguments]
    for child in children:
        _await(partial(_is_here, child))
    start.touch()
    answers = []
    for child in children:
        assert child.wait() == 0, child.said()
        answers.append(json.loads(child.out.read_text().splitlines()[-1]))
    return answers


def _is_here(child: Child) -> bool:
    return child.exit_code is not None or child.out.stat().st_size > 0


def settle(invoice_id: str) -> object:
    """Settle an invoice that its provider, as seen from here, calls paid."""
    trade = reopen_trade(_db_path(), ids=RandomIds())
    invoice = trade.invoice(InvoiceId(invoice_id))
    trade.provider.create_invoice(
        InvoiceOrder(
            invoice_id=invoice.id,
            price=Money(currency=Currency.SAT, amount=invoice.amount_sats),
            redirect_url="",
            metadata={},
        )
    )
    trade.provider.pay(invoice.id)
    _wait_for_start()
    return trade.settle(invoice.id).is_changed


def claim(key: str, names: list[str]) -> object:
    """Claim a seat for each machine; tell which were admitted."""
    trade = reopen_trade(_db_path(), ids=RandomIds())
    _wait_for_start()
    return [isinstance(trade.validate(key, name).verdict, Valid) for name in names]


def crowd(seed: int, key: str, machines: int, turns: int) -> object:
    """Validate, activate, be seen and leave, as chance will have it; count what happened."""
    trade = reopen_trade(_db_path(), ids=RandomIds())
    random = Random(seed)  # noqa: S311
    _wait_for_start()
    counted: Counter[str] = Counter()
    for _ in range(turns):
        name = f"machine {random.randrange(machines)}"
        match random.randrange(4):
            case 0:
                verdict = trade.validate(key, name).verdict
                counted[f"validated {isinstance(verdict, Valid)}"] += 1
            case 1:
                counted[f"activated {trade.activate(key, name).reason is None}"] += 1
            case 2:
                counted[f"seen {trade.beat(key, name).reason is None}"] += 1
            case _:
                counted[f"left {_deactivate(trade, key, name)}"] += 1
    return counted


def _deactivate(trade: Trade, key: str, name: str) -> bool:
    candidate = Candidate(fingerprint=name)
    command = DeactivateMachine(payload=payload_in(key), candidate=candidate)
    freed = deactivate_machine(BUYER, command, store=trade.store, clock=trade.clock, ids=trade.ids)
    return freed is not None


def collect(invoice_id: str, turns: int) -> object:
    """Ask about an invoice in every way a process without a server can."""
    with open_sandboxed() as ports:
        _wait_for_start()
        keys = set()
        for turn in range(turns):
            if turn % 3 == 0:
                settle_invoice(
                    SYSTEM,
                    InvoiceId(invoice_id),
                    store=ports.store,
                    clock=ports.clock,
                    ids=ports.ids,
                    providers=ports.providers,
                )
            elif turn % 3 == 1:
                reconcile_backlog(ports)
            else:
                settle_noted_receipts(ports)
            status = poll_purchase(InvoiceId(invoice_id), store=ports.store, keys=ports.keys)
            keys.add(status.key)
        return sorted(filter(None, keys))


def stock(name: str, products: int) -> object:
    """Create products without a license; tell how many were let through."""
    trade = reopen_trade(_db_path(), ids=RandomIds())
    _wait_for_start()
    made = 0
    for number in range(products):
        price = PriceInput(price_sats=1)
        command = CreateProduct(slug=f"{name}-{number}", name="P", price=price)
        with suppress(TierCapReached):
            create_product(
                OPERATOR,
                command,
                store=trade.store,
                clock=trade.clock,
                ids=trade.ids,
                self_license=CREATOR,
            )
            made += 1
    return made


def pay(provider_invoice_id: str) -> object:
    """Pay at the pretend provider, which tells nobody before its next round."""
    with open_sandboxed() as ports:
        _wait_for_start()
        assert ports.sandbox is not None
        return ports.sandbox.act(provider_invoice_id, PretendPayment.PAY).raw_status


WORKS: Final[Mapping[str, Callable[..., object]]] = {
    "settle": settle,
    "claim": claim,
    "crowd": crowd,
    "collect": collect,
    "pay": pay,
    "stock": stock,
}


def main() -> None:
    """Do one work. Words: the file to wait for, the work, its arguments as JSON."""
    configure_logs("warning")
    answer = WORKS[sys.argv[2]](*json.loads(sys.argv[3]))
    sys.stdout.write(json.dumps(answer) + "\n")


def _wait_for_start() -> None:
    sys.stdout.write("here\n")
    sys.stdout.flush()
    _await(Path(sys.argv[1]).exists)


def _db_path() -> Path:
    return Path(os.environ["KEYSAT_DB_PATH"])


def _await(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(GLANCE_SECONDS)
