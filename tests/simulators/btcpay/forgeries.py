"""Webhooks that no BTCPay sent, or not so: for what a receiver must survive, not for what it sees."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tests.simulators.btcpay.invoice_machine import Event
from tests.simulators.btcpay.webhooks import (
    Delivery,
    Occurrence,
    Webhook,
    body_of,
    flawed_signature,
    signature,
)
from tests.simulators.btcpay.world import World
from tests.simulators.fault_plan import SignatureFlaw


class Forgery(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook ready to be posted."""

    url: str
    headers: Mapping[str, str]
    body: bytes


def forged(
    world: World,
    webhook: Webhook,
    event_type: str,
    invoice_id: str | None,
    *,
    store_id: str | None = None,
    fields: Mapping[str, Any] | None = None,
    flaw: SignatureFlaw | None = None,
) -> Forgery:
    """Write a well-formed event that never happened, signed as the webhook is or wrongly.

    Args:
        invoice_id: Of any invoice, known or not; None leaves the field out.
        store_id: Of another store than the webhook's.
        fields: Those of the event type.
    """
    delivery_id = world.ids.short()
    delivery = Delivery(
        id=delivery_id,
        original_id=delivery_id,
        is_redelivery=False,
        occurrence=Occurrence(
            event=Event(event_type, dict(fields or {})),
            at=world.now(),
            store_id=store_id or webhook.store_id,
            invoice_id=invoice_id,
            metadata={},
        ),
        made_at=world.now(),
    )
    body = body_of(webhook.id, delivery)
    signed = (
        signature(webhook.secret, body)
        if flaw is None
        else flawed_signature(flaw, webhook.secret, body)
    )
    headers = {"content-type": "application/json"}
    if signed is not None:
        headers["btcpay-sig"] = signed
    return Forgery(url=webhook.url, headers=headers, body=body)


def reverse_queue(webhook: Webhook) -> None:
    """Turn a queue around. BTCPay never does this within one webhook."""
    webhook.queue.reverse()
