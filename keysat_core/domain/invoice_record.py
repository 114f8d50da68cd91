"""Audit rows about invoices."""

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import AuditEntry, audited
from keysat_core.domain.document import JSONValue
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice


def about_invoice(
    invoice: Invoice, actor: Actor, action: str, now: Instant, **details: JSONValue
) -> AuditEntry:
    """Describe what was done to an invoice."""
    return audited(actor, action, now, target=("invoice", invoice.id), **details)
