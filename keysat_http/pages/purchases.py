"""Finding the purchase that a buyer's page is about, and saying how it stands."""

from enum import StrEnum
from typing import Final

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.errors import NotFound
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.show_purchase import PurchaseSheet, show_purchase

SHOWN_CHARS_MAX: Final = 128
"""Longest id shown; ours have 36 characters, so a longer one is not ours."""


class Wait(StrEnum):
    """How a purchase stands for the one who waits; the script knows the same words."""

    READY = "ready"
    WAITING = "waiting"
    STOPPED = "stopped"
    FAILED = "failed"
    WITHHELD = "withheld"
    UNKNOWN = "unknown"


def find_purchase(invoice_id: str, ports: Ports) -> PurchaseSheet | None:
    """Give the purchase with an id; None if there is none, or it was none of ours."""
    try:
        return show_purchase(InvoiceId(invoice_id), store=ports.store, keys=ports.keys)
    except NotFound:
        return None


def wait_of(sheet: PurchaseSheet | None) -> Wait:
    """Say how a purchase stands."""
    if sheet is None:
        return Wait.UNKNOWN
    if sheet.key is not None:
        return Wait.READY
    if sheet.license is not None:
        return Wait.WITHHELD
    if sheet.invoice.status in {InvoiceStatus.EXPIRED, InvoiceStatus.INVALID}:
        return Wait.FAILED
    return Wait.WAITING


def masked(email: str | None) -> str | None:
    """Show enough of an address for its owner to know it: ``a…@example.org``."""
    if not email:
        return None
    name, at, host = email.partition("@")
    return f"{name[:1]}…{at}{host}" if at else f"{name[:1]}…"
