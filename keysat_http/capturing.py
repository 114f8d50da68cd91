"""Looking for the payment methods that recurring purchases left at their providers."""

from collections import Counter

import structlog

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.saved_payment import CaptureState
from keysat_core.errors import KeysatError
from keysat_core.limits import CAPTURES_BATCH
from keysat_core.ports.bundle import Ports
from keysat_core.ports.saved_payments import SavedPaymentAccounts
from keysat_core.use_cases.zaprite.capture_payment import capture_payment, list_wanted_payments
from keysat_http.leasing import Work

log = structlog.get_logger("keysat.ticks")


def capture_payments(ports: Ports) -> Work:
    """Ask about every sale whose saved payment method is due to be looked for, a batch at most."""
    if ports.saved_payments is None:
        return Work()
    due = list_wanted_payments(limit=CAPTURES_BATCH, store=ports.store, clock=ports.clock)
    tally = Counter(_capture(ports, ports.saved_payments, invoice_id) for invoice_id in due)
    if tally:
        log.info("saved_payments_looked_for", **tally)
    return Work(items=tally.total() - tally["failed"], failed=tally["failed"])


def _capture(ports: Ports, saved_payments: SavedPaymentAccounts, invoice_id: InvoiceId) -> str:
    try:
        saved = capture_payment(
            invoice_id,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            saved_payments=saved_payments,
        )
    except KeysatError as exc:
        # Our invoice id is the buyer's secret, so the log does not have it (public-api 0).
        log.warning("saved_payment_not_looked_for", code=exc.code, problem=str(exc))
        return "failed"
    return str(CaptureState.MISSING if saved is None else saved.state)
