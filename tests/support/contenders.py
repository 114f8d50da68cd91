"""What other processes do to a shared database at the same instant as others."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

from keysat_adapters.system.ids import RandomIds
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import InvoiceOrder
from keysat_core.domain.validation import Valid
from tests.support.trade import reopen_trade

WAIT_SECONDS: Final = 30

_starts: list[Barrier] = []


def in_processes(
    work: Callable[..., object], path: Path, *arguments: tuple[object, ...]
) -> list[object]:
    """Run the work in one new process per tuple of arguments, all starting together."""
    context = get_context("spawn")
    start = context.Barrier(len(arguments))
    with ProcessPoolExecutor(
        len(arguments), mp_context=context, initializer=_join, initargs=(start,)
    ) as pool:
        running = [pool.submit(work, path, *each) for each in arguments]
        return [future.result(timeout=2 * WAIT_SECONDS) for future in running]


def _join(start: Barrier) -> None:
    _starts.append(start)


def settle(path: Path, invoice_id: InvoiceId) -> bool:
    """Settle an invoice that its provider, as seen from here, calls paid."""
    trade = reopen_trade(path, ids=RandomIds())
    invoice = trade.invoice(invoice_id)
    trade.provider.create_invoice(
        InvoiceOrder(
            invoice_id=invoice_id,
            price=Money(currency=Currency.SAT, amount=invoice.amount_sats),
            redirect_url="",
            metadata={},
        )
    )
    trade.provider.pay(invoice_id)
    _starts[0].wait(WAIT_SECONDS)
    return trade.settle(invoice_id).is_changed


def claim(path: Path, key: str, names: tuple[str, ...]) -> list[bool]:
    """Claim a seat for each machine; tell which were admitted."""
    trade = reopen_trade(path, ids=RandomIds())
    _starts[0].wait(WAIT_SECONDS)
    return [isinstance(trade.validate(key, name).verdict, Valid) for name in names]
