"""Polls: what a waiting buyer is shown, and what is withheld."""

from collections.abc import Callable

import pytest

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.license import key_of
from keysat_core.errors import (
    NotFound,
)
from keysat_core.use_cases.licenses.change_license_status import revoke_license, suspend_license
from keysat_core.use_cases.purchases.poll_purchase import poll_purchase
from tests.support.trade import OPERATOR, Trade, open_trade


@pytest.fixture
def trade() -> Trade:
    return open_trade()


def test_a_poll_shows_the_invoice_and_the_key_once_there_is_one(trade: Trade) -> None:
    invoice = trade.sell()
    waiting = poll_purchase(invoice.id, store=trade.store, keys=trade.keys)
    assert (waiting.invoice, waiting.license, waiting.key) == (invoice, None, None)
    trade.provider.pay(invoice.id)
    trade.settle(invoice.id)
    done = poll_purchase(invoice.id, store=trade.store, keys=trade.keys)
    assert done.license == trade.license_for(invoice.id)
    assert done.license is not None
    assert done.key == key_of(done.license, trade.keys.signing_key())
    with pytest.raises(NotFound):
        poll_purchase(InvoiceId("unknown"), store=trade.store, keys=trade.keys)


@pytest.mark.parametrize("change", [suspend_license, revoke_license])
def test_a_poll_shows_no_key_of_a_license_that_does_not_stand(
    trade: Trade, change: Callable[..., object]
) -> None:
    invoice = trade.sell()
    trade.provider.pay(invoice.id)
    trade.settle(invoice.id)
    license = trade.license_for(invoice.id)
    assert license is not None
    for_trade = {"store": trade.store, "clock": trade.clock, "ids": trade.ids}
    change(OPERATOR, license.id, reason=None, **for_trade)
    poll = poll_purchase(invoice.id, store=trade.store, keys=trade.keys)
    assert poll.license is not None
    assert (poll.license.id, poll.key) == (license.id, None)
