"""Discount codes at a shop that trades: builders, and one verb per use case."""

from itertools import count
from typing import Any, Final

from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.code import Code, CodeKind
from keysat_core.domain.ids import CodeId, InvoiceId, RedemptionId
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.redemption import Redemption, RedemptionStatus
from keysat_core.domain.subscription import Subscription
from keysat_core.ports.store import Store
from keysat_core.use_cases.codes.create_code import CreateCode, create_code
from keysat_core.use_cases.codes.delete_code import delete_code
from keysat_core.use_cases.codes.free_slots import free_slot, list_held_slots
from keysat_core.use_cases.codes.preview_code import CodePreview, preview_code
from keysat_core.use_cases.codes.update_code import (
    SetCodeActive,
    UpdateCode,
    set_code_active,
    update_code,
)
from keysat_core.use_cases.purchases.redeem_code import RedeemedCode, redeem_code
from tests.support.builders import NOW, new_id
from tests.support.trade import BUYER, OPERATOR, PATRON, Trade

_numbers: Final = count(1)


def make_code(**fields: Any) -> Code:
    """Give a code of its own spelling, for anything, that takes a tenth off."""
    ordinary: dict[str, Any] = {
        "id": CodeId(new_id()),
        "code": f"CODE-{next(_numbers)}",
        "kind": CodeKind.PERCENT,
        "amount": 1_000,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Code(**(ordinary | fields))


def make_redemption(code: Code, invoice: Invoice, **fields: Any) -> Redemption:
    """Give a pending use of the code by the invoice: 5 000 of 50 000 sats off."""
    ordinary: dict[str, Any] = {
        "id": RedemptionId(new_id()),
        "code_id": code.id,
        "invoice_id": invoice.id,
        "discount_applied_sats": 5_000,
        "base_price_sats": 50_000,
        "final_price_sats": 45_000,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Redemption(**(ordinary | fields))


def stored_code(store: Store, **fields: Any) -> Code:
    code = make_code(**fields)
    with store.writing() as tx:
        tx.codes.put_code(code)
    return code


# --- use cases ----------------------------------------------------------------------------------


def create(trade: Trade, text: str = "SAVE", **fields: Any) -> Code:
    """Create a code that takes half off unless told otherwise."""
    half: dict[str, Any] = {"code": text, "kind": "percent", "amount": 5_000}
    command = CreateCode(**(half | fields))
    return create_code(
        OPERATOR,
        command,
        store=trade.store,
        clock=trade.clock,
        ids=trade.ids,
        self_license=PATRON,
    )


def preview(trade: Trade, text: str, policy_slug: str | None = None) -> CodePreview:
    return preview_code(
        text,
        trade.shop.product.slug,
        policy_slug,
        store=trade.store,
        clock=trade.clock,
        rates=trade.rates,
    )


def redeem(trade: Trade, text: str, **fields: Any) -> RedeemedCode:
    request = BuyerRequest(**({"product_slug": trade.shop.product.slug, "code": text} | fields))
    return redeem_code(
        BUYER, request, store=trade.store, clock=trade.clock, ids=trade.ids, keys=trade.keys
    )


def update(trade: Trade, code: Code, **changes: Any) -> Code:
    command = UpdateCode(code_id=code.id, **changes)
    return update_code(OPERATOR, command, store=trade.store, clock=trade.clock, ids=trade.ids)


def switch(trade: Trade, code: Code, *, is_on: bool) -> Code:
    return set_code_active(
        OPERATOR,
        SetCodeActive(code_id=code.id, active=is_on),
        store=trade.store,
        clock=trade.clock,
        ids=trade.ids,
        self_license=PATRON,
    )


def delete(trade: Trade, code: Code) -> Code:
    return delete_code(OPERATOR, code.id, store=trade.store, clock=trade.clock, ids=trade.ids)


def free_held(trade: Trade) -> list[RedemptionId]:
    """One pass of the worker; tell which uses were given back."""
    held = list_held_slots(50, store=trade.store, clock=trade.clock)
    return [one for one in held if free(trade, one)]


def free(trade: Trade, redemption_id: RedemptionId) -> bool:
    return free_slot(redemption_id, store=trade.store, clock=trade.clock, ids=trade.ids)


# --- what is stored -----------------------------------------------------------------------------


def find(trade: Trade, text: str) -> Code | None:
    with trade.store.reading() as tx:
        return tx.codes.find_code_by_text(text)


def fresh(trade: Trade, code: Code) -> Code:
    with trade.store.reading() as tx:
        return tx.codes.get_code(code.id)


def uses(trade: Trade, code: Code) -> list[Redemption]:
    """Every use of a code, newest first."""
    with trade.store.reading() as tx:
        return tx.codes.list_redemptions(code.id, 1_000)


def use_of(trade: Trade, invoice_id: InvoiceId) -> Redemption | None:
    with trade.store.reading() as tx:
        return tx.codes.find_redemption_of(invoice_id)


def counted(redemptions: list[Redemption]) -> int:
    """How many of them a code counts."""
    return sum(one.status is not RedemptionStatus.CANCELLED for one in redemptions)


def subscription_of(trade: Trade, invoice_id: InvoiceId) -> Subscription:
    license = trade.license_for(invoice_id)
    assert license is not None
    with trade.store.reading() as tx:
        found = tx.subscriptions.find_subscription_of(license.id)
    assert found is not None
    return found
