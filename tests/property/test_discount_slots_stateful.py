"""Uses of a code on a real store, whatever happens to the sales that hold them (lifecycles 6.4)."""

from contextlib import suppress
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.code import Code, CodeKind
from keysat_core.domain.ids import CodeId, InvoiceId
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.redemption import RedemptionStatus
from keysat_core.errors import CodeRefused, StillReferenced, UpstreamError
from keysat_core.testing.clock import START
from keysat_core.use_cases.codes.delete_code import delete_code
from keysat_core.use_cases.codes.free_slots import free_slot, list_held_slots
from keysat_core.use_cases.codes.update_code import (
    SetCodeActive,
    UpdateCode,
    set_code_active,
    update_code,
)
from keysat_core.use_cases.purchases.redeem_code import redeem_code
from tests.support.scripted_provider import Fault
from tests.support.trade import BUYER, OPERATOR, PATRON, open_trade

LAST_DAY: Final = START + 20 * DAY_SECONDS
CODES: Final = ("LESS", "GIFT")


class SlotMachine(RuleBasedStateMachine):
    """D17, D42: a use is held, given back, taken again; the count is always that of the uses."""

    def __init__(self) -> None:
        super().__init__()
        self.trade = open_trade()
        self.invoices: list[InvoiceId] = []
        self.reopened = 0
        kinds = {"LESS": (CodeKind.PERCENT, 5_000), "GIFT": (CodeKind.FREE_LICENSE, 0)}
        with self.trade.store.writing() as tx:
            for text, (kind, amount) in kinds.items():
                tx.codes.put_code(
                    Code(
                        id=CodeId(text.lower()),
                        code=text,
                        kind=kind,
                        amount=amount,
                        max_uses=3,
                        created_at=self.trade.clock.now(),
                        updated_at=self.trade.clock.now(),
                    )
                )

    def teardown(self) -> None:
        self.trade.close()

    # --- buyers -----------------------------------------------------------------------------------

    @rule(text=st.sampled_from(CODES), fault=st.sampled_from([None, None, *Fault]))
    def buy(self, text: str, fault: Fault | None) -> None:
        with suppress(CodeRefused):
            invoice = self.trade.open(code=text).invoice
            self.invoices.append(invoice.id)
            if invoice.status is InvoiceStatus.PENDING:
                self.trade.provider.faults.extend([fault])
                with suppress(UpstreamError):
                    self.trade.request(invoice.id)
                self.trade.provider.faults.clear()

    @rule(text=st.sampled_from(CODES))
    def redeem(self, text: str) -> None:
        trade = self.trade
        with suppress(CodeRefused):
            redeemed = redeem_code(
                BUYER,
                BuyerRequest(product_slug=trade.shop.product.slug, code=text),
                store=trade.store,
                clock=trade.clock,
                ids=trade.ids,
                keys=trade.keys,
            )
            self.invoices.append(redeemed.invoice_id)

    # --- the provider -----------------------------------------------------------------------------

    @precondition(lambda self: self.invoices)
    @rule(data=st.data(), what=st.sampled_from(["pay", "expire", "invalidate", "mark_settled"]))
    def turn(self, data: st.DataObject, what: str) -> None:
        """Let something happen at the provider, and look at it."""
        trade = self.trade
        invoice = trade.invoice(data.draw(st.sampled_from(self.invoices)))
        if invoice.provider_invoice_id is None or invoice.is_free:
            return
        before = self.redemption_status(invoice.id)
        getattr(trade.provider, what)(invoice.id)
        with suppress(UpstreamError):
            trade.settle(invoice.id)
        after = self.redemption_status(invoice.id)
        if before is RedemptionStatus.CANCELLED and after is RedemptionStatus.REDEEMED:
            self.reopened += 1

    @rule()
    def reconcile(self) -> None:
        self.trade.reconcile()

    @precondition(lambda self: self.trade.clock.now() < LAST_DAY)
    @rule(hours=st.sampled_from([1, 20, 73]))
    def wait(self, hours: int) -> None:
        self.trade.clock.advance(hours * HOUR_SECONDS)

    @rule()
    def free(self) -> None:
        """Run the job; what it frees is over, or has waited for three days."""
        trade = self.trade
        for held in list_held_slots(50, store=trade.store, clock=trade.clock):
            with trade.store.reading() as tx:
                redemption = tx.codes.find_redemption(held)
            assert redemption is not None
            invoice = trade.invoice(redemption.invoice_id)
            age = trade.clock.now() - invoice.created_at
            is_over = invoice.status in {InvoiceStatus.EXPIRED, InvoiceStatus.INVALID}
            assert is_over or age >= 72 * HOUR_SECONDS
            assert free_slot(held, store=trade.store, clock=trade.clock, ids=trade.ids)
            assert not free_slot(held, store=trade.store, clock=trade.clock, ids=trade.ids)

    # --- the operator -----------------------------------------------------------------------------

    @rule(text=st.sampled_from(CODES), is_active=st.booleans())
    def switch(self, text: str, is_active: object) -> None:
        set_code_active(
            OPERATOR,
            SetCodeActive(code_id=CodeId(text.lower()), active=bool(is_active)),
            store=self.trade.store,
            clock=self.trade.clock,
            ids=self.trade.ids,
            self_license=PATRON,
        )

    @rule(description=st.sampled_from(["", "spring"]))
    def edit(self, description: str) -> None:
        before = self.code("LESS")
        command = UpdateCode(code_id=before.id, description=description, max_uses=before.max_uses)
        trade = self.trade
        update_code(OPERATOR, command, store=trade.store, clock=trade.clock, ids=trade.ids)
        assert self.code("LESS").used_count == before.used_count

    @rule()
    def try_to_delete(self) -> None:
        trade, code = self.trade, self.code("LESS")
        with trade.store.reading() as tx:
            uses = tx.codes.count_redemptions(code.id)
        if uses:
            with pytest.raises(StillReferenced):
                delete_code(OPERATOR, code.id, store=trade.store, clock=trade.clock, ids=trade.ids)

    # --- what always holds ------------------------------------------------------------------------

    def code(self, text: str) -> Code:
        with self.trade.store.reading() as tx:
            return tx.codes.get_code(CodeId(text.lower()))

    def redemption_status(self, invoice_id: InvoiceId) -> RedemptionStatus | None:
        with self.trade.store.reading() as tx:
            found = tx.codes.find_redemption_of(invoice_id)
        return found.status if found else None

    @invariant()
    def the_count_is_that_of_the_uses(self) -> None:
        for text in CODES:
            code = self.code(text)
            with self.trade.store.reading() as tx:
                uses = tx.codes.list_redemptions(code.id, 1_000)
            counted = [use for use in uses if use.status is not RedemptionStatus.CANCELLED]
            assert code.used_count == len(counted)
            assert code.max_uses is not None
            assert code.used_count <= code.max_uses + self.reopened
            for use in uses:
                invoice = self.trade.invoice(use.invoice_id)
                is_settled = invoice.status is InvoiceStatus.SETTLED
                assert (use.status is RedemptionStatus.REDEEMED) is is_settled
                license = self.trade.license_for(invoice.id)
                assert use.license_id == (license.id if license else None)


TestSlots = SlotMachine.TestCase
TestSlots.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
