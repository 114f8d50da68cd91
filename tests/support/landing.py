"""What a webhook's landing does, in one step and in this thread: for who must repeat it exactly."""

from keysat_core.domain.actor import Actor
from keysat_core.domain.receipt import ReceiptOutcome
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.note_webhook import NoteWebhook, note_webhook
from keysat_http.settling import settle_receipt


def take_webhook(ports: Ports, actor: Actor, command: NoteWebhook) -> None:
    """Keep a webhook and look at its invoice at once."""
    receipt = note_webhook(
        command, store=ports.store, clock=ports.clock, ids=ports.ids, providers=ports.providers
    )
    if receipt.outcome is ReceiptOutcome.NOTED:
        settle_receipt(ports, actor, receipt)
