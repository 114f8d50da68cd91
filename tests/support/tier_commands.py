"""Use cases that change tiers or recover keys, as rows of the table of commands."""

from typing import Any, Final

from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import InvoiceId, LicenseId, TierChangeId
from keysat_core.domain.license import License
from keysat_core.domain.tier_request import ChangeRequest
from keysat_core.use_cases.licenses import recover_license
from keysat_core.use_cases.tiers import give_change, list_changes, order_change, schedule_change
from tests.support.commands import DOLLARS, Command, license_id, tiered
from tests.support.trade import OPERATOR, PATRON, Trade


def other_tier(trade: Trade) -> str:
    return trade.put_policy(slug="other", price_sats_override=90_000).slug


def subscribed(trade: Trade) -> LicenseId:
    """A license that is paid monthly, with a cheaper tier below it."""
    monthly = {"is_recurring": True, "renewal_period_days": 30}
    trade.put_policy(slug="lower", price_sats_override=10, **monthly)
    higher = trade.put_policy(slug="higher", price_sats_override=20, **monthly)
    sold = license_in(trade, sold_to(trade, policy_slug=higher.slug))
    return sold.id


def scheduled(trade: Trade) -> tuple[LicenseId, TierChangeId]:
    request = ChangeRequest(license_id=subscribed(trade), target_slug="lower")
    done = schedule_change.schedule_change(OPERATOR, request, store=trade.store, **tiered(trade))
    return request.license_id, done.change.id


def sold_to(trade: Trade, **fields: Any) -> InvoiceId:
    invoice = trade.sell(buyer_email="A@B.example", **fields)
    trade.provider.pay(invoice.id)
    trade.settle(invoice.id)
    return invoice.id


def license_in(trade: Trade, invoice_id: InvoiceId) -> License:
    found = trade.license_for(invoice_id)
    assert found is not None
    return found


TIER_COMMANDS: Final = [
    Command(
        give_change.give_change,
        Scope.LICENSES_WRITE,
        lambda t: (
            [ChangeRequest(license_id=license_id(t), target_slug=other_tier(t))],
            tiered(t),
        ),
    ),
    Command(
        order_change.order_change,
        Scope.MASTER,
        lambda t: (
            [ChangeRequest(license_id=license_id(t), target_slug=other_tier(t))],
            tiered(t)
            | {"public_url": "https://k.example", "rates": DOLLARS, "providers": t.providers},
        ),
    ),
    Command(
        schedule_change.schedule_change,
        Scope.LICENSES_WRITE,
        lambda t: (
            [ChangeRequest(license_id=subscribed(t), target_slug="lower")],
            tiered(t),
        ),
        is_told=False,
    ),
    Command(
        schedule_change.cancel_scheduled_change,
        Scope.LICENSES_WRITE,
        lambda t: (list(scheduled(t)), {"clock": t.clock}),
        is_told=False,
    ),
    Command(
        recover_license.recover_license,
        None,
        lambda t: (
            [recover_license.RecoverLicense(invoice_id=sold_to(t), email="a@b.example")],
            {"clock": t.clock, "keys": t.keys},
        ),
        is_told=False,
    ),
]

TIER_READS: Final = [
    Command(list_changes.list_tier_changes, Scope.LICENSES_READ, lambda t: ([license_id(t)], {})),
    Command(
        list_changes.preview_change,
        Scope.LICENSES_READ,
        lambda t: (
            [ChangeRequest(license_id=license_id(t), target_slug=other_tier(t))],
            {"clock": t.clock, "self_license": PATRON, "is_paid": False},
        ),
    ),
]
