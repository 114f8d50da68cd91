"""Which strategy makes which type of the commerce around a license."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis.strategies import SearchStrategy

from keysat_core.domain.attribution import Attribution
from keysat_core.domain.billing import BillingFacts
from keysat_core.domain.code import Code
from keysat_core.domain.listing import SubscriptionFilter, SubscriptionPage
from keysat_core.domain.opening import Offer, Opening
from keysat_core.domain.pricing import Pricing
from keysat_core.domain.redemption import CodeUse, Redeem, Redemption, Withdraw
from keysat_core.domain.sale_record import BilledCycle, NewIds, OrderedChange
from keysat_core.domain.subscription import (
    Cancel,
    Cycle,
    FallDue,
    Lapse,
    Pay,
    Subscription,
)
from keysat_core.domain.subscription_end import Ended
from keysat_core.domain.tier_change import TierChange
from keysat_core.domain.tier_comp import TierLoss
from keysat_core.domain.tier_effect import AppliedChange, Payer
from keysat_core.domain.tier_order import NewOrder
from keysat_core.domain.tier_quote import TierFacts, TierQuote
from keysat_core.domain.tier_request import ChangeRequest, UpgradeRequest
from keysat_core.testing.strategies.billing import (
    billing_facts,
    ended_subscriptions,
    subscription_filters,
    subscription_pages,
)
from keysat_core.testing.strategies.codes import code_uses, codes, redeems, redemptions, withdraws
from keysat_core.testing.strategies.pricing import attributions, offers, openings, pricings
from keysat_core.testing.strategies.sales import billed_cycles, fresh_ids, ordered_changes
from keysat_core.testing.strategies.subscriptions import (
    cancels,
    cycles,
    fall_dues,
    lapses,
    pays,
    subscriptions,
)
from keysat_core.testing.strategies.tier_changes import (
    applied_changes,
    payers,
    tier_changes,
)
from keysat_core.testing.strategies.tier_quotes import (
    change_requests,
    new_orders,
    tier_facts,
    tier_losses,
    tier_quotes,
    upgrade_requests,
)

COMMERCE: Final[Mapping[type, Callable[[], SearchStrategy[Any]]]] = {
    Code: codes,
    Attribution: attributions,
    Offer: offers,
    Opening: openings,
    Pricing: pricings,
    CodeUse: code_uses,
    Redemption: redemptions,
    Redeem: redeems,
    Withdraw: withdraws,
    BillingFacts: billing_facts,
    Ended: ended_subscriptions,
    SubscriptionFilter: subscription_filters,
    SubscriptionPage: subscription_pages,
    Subscription: subscriptions,
    Cycle: cycles,
    FallDue: fall_dues,
    Pay: pays,
    Lapse: lapses,
    Cancel: cancels,
    TierChange: tier_changes,
    AppliedChange: applied_changes,
    Payer: payers,
    TierFacts: tier_facts,
    TierQuote: tier_quotes,
    TierLoss: tier_losses,
    NewOrder: new_orders,
    UpgradeRequest: upgrade_requests,
    ChangeRequest: change_requests,
    BilledCycle: billed_cycles,
    OrderedChange: ordered_changes,
    NewIds: fresh_ids,
}
"""Codes, subscriptions and changes of tier."""
