"""What became of a purchase: one effect, exactly, or none at all."""

from collections.abc import Mapping
from typing import Any

import msgspec

from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from tests.support.btcpay_shop import BTCPayShop
from tests.support.shop import Shop


def events_about(shop: Shop, event_type: str, invoice_id: str) -> list[dict[str, Any]]:
    """Give what the events of a type tell of an invoice."""
    bodies = [
        msgspec.json.decode(event.body)["data"]
        for event in shop.events()
        if event.event_type == event_type
    ]
    return [data for data in bodies if data.get("invoice_id") == invoice_id]


def audited_about(shop: Shop, action: str, invoice_id: str) -> list[Any]:
    """Give the audit rows of an action on an invoice, newest first."""
    with shop.ports.store.reading() as tx:
        found = tx.trail.list_audit(action=action, limit=500)
    return [entry for entry in found if entry.target_id == invoice_id]


def licenses_of(shop: Shop, invoice_id: str) -> list[License]:
    return [license for license in shop.licenses() if license.invoice_id == invoice_id]


def assert_sold_once(
    opened: BTCPayShop, purchase: Mapping[str, Any], *, is_late: bool = False
) -> License:
    """One license, told once, and BTCPay had said before that it was paid.

    ``is_late``: taken by the operator's rule for late payments, which BTCPay never calls settled.
    """
    shop, id_ = opened.shop, purchase["invoice_id"]
    told = shop.poll(id_)
    assert told["status"] == "settled", told
    assert told["license_key"]
    invoice = shop.invoice(id_)
    assert invoice.settled_at is not None
    assert invoice.effect_at is not None
    (license,) = licenses_of(shop, id_)
    assert license.id == told["license_id"]
    for event_type in ("invoice.paid", "invoice.settled", "license.issued"):
        assert len(events_about(shop, event_type, id_)) == 1, event_type
    assert len(audited_about(shop, "invoice.settle", id_)) == 1
    assert is_late or purchase["btcpay_invoice_id"] in opened.fake.world.settled_answered_at
    return license


def assert_unsold(opened: BTCPayShop, purchase: Mapping[str, Any], status: str) -> Invoice:
    """No license and no trace of one."""
    shop, id_ = opened.shop, purchase["invoice_id"]
    told = shop.poll(id_)
    assert (told["status"], told["license_key"], told["license_id"]) == (status, None, None)
    assert licenses_of(shop, id_) == []
    for event_type in ("invoice.paid", "invoice.settled", "license.issued"):
        assert events_about(shop, event_type, id_) == [], event_type
    return shop.invoice(id_)


def webhook_answers(opened: BTCPayShop) -> set[int | None]:
    """What the shop answered to every webhook that was sent."""
    return {attempt.status for attempt in opened.fake.journal.attempts()}


def attention_to(opened: BTCPayShop, purchase: Mapping[str, Any]) -> str | None:
    """Why the operator is told to look at an invoice."""
    shown = opened.shop.admin("GET", f"/invoices/{purchase['invoice_id']}")
    assert shown["id"] == purchase["invoice_id"]
    attention: str | None = shown["attention"]
    return attention
