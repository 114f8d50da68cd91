"""What is known of a sale inside the transaction that may settle it, and what that has to write."""

from collections.abc import Callable

import msgspec

from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.events import DomainEvent
from keysat_core.domain.ids import (
    CycleId,
    LicenseId,
    MerchantProfileId,
    SubscriptionId,
    TipId,
)
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.domain.redemption import CodeUse
from keysat_core.domain.saved_payment import SavedPayment
from keysat_core.domain.subscription import Cycle, Subscription
from keysat_core.domain.tier_change import TierChange
from keysat_core.domain.tip import TipAttempt


class NewIds(msgspec.Struct, frozen=True, kw_only=True):
    """Ids for what settling a sale may bring into being."""

    license_id: LicenseId
    tip_id: TipId
    subscription_id: SubscriptionId
    cycle_id: CycleId


def new_ids(new: Callable[[], str]) -> NewIds:
    """Draw one id of each kind."""
    return NewIds(
        license_id=LicenseId(new()),
        tip_id=TipId(new()),
        subscription_id=SubscriptionId(new()),
        cycle_id=CycleId(new()),
    )


class BilledCycle(msgspec.Struct, frozen=True, kw_only=True):
    """The cycle an invoice pays for, in a subscription that exists already (lifecycles 7.4).

    ``last_settled`` is the last cycle that was paid or free, ``open_cycle`` the one that waits now,
    ``policy`` the subscription's tier as it is now.
    """

    cycle: Cycle
    subscription: Subscription
    license: License
    policy: Policy | None
    last_settled: Cycle | None = None
    open_cycle: Cycle | None = None


class OrderedChange(msgspec.Struct, frozen=True, kw_only=True):
    """The change of tier an invoice pays for. ``subscription`` None: its license has none.

    ``open_cycle`` is the cycle of the subscription that waits to be paid, ``scheduled`` the change
    of the license that waits for its day.
    """

    change: TierChange
    license: License
    target: Policy
    subscription: Subscription | None = None
    open_cycle: Cycle | None = None
    scheduled: TierChange | None = None


class SaleFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A sale with everything its settlement depends on.

    ``issued``: the license that was issued for the invoice. ``provider_kind``: of the account that
    collected it, if one did. At most one of ``billed`` and ``ordered`` is there: neither is for a
    purchase. ``merchant_profile_id`` is who sells the product.
    """

    invoice: Invoice
    product: Product
    policy: Policy | None
    issued: License | None
    new: NewIds
    provider_kind: ProviderKind | None = None
    merchant_profile_id: MerchantProfileId | None = None
    code_use: CodeUse | None = None
    billed: BilledCycle | None = None
    ordered: OrderedChange | None = None


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one transaction has to write; None is not touched.

    ``license`` is issued, extended or changed by it. ``tip`` is reserved with the license, and paid
    later by a worker of its own; so is ``saved_payment`` looked for later. One that is stored already
    stays as it is. ``cycles`` are written in their order. ``withdrawn_change`` makes room for
    ``tier_change`` and is written before it.
    """

    invoice: Invoice
    license: License | None = None
    tip: TipAttempt | None = None
    saved_payment: SavedPayment | None = None
    code_use: CodeUse | None = None
    subscription: Subscription | None = None
    cycles: tuple[Cycle, ...] = ()
    tier_change: TierChange | None = None
    withdrawn_change: TierChange | None = None
    events: tuple[DomainEvent, ...] = ()
    audits: tuple[AuditEntry, ...] = ()

    @property
    def tier_changes(self) -> tuple[TierChange, ...]:
        """The changes of tier to write, in their order."""
        both = (self.withdrawn_change, self.tier_change)
        return tuple(one for one in both if one is not None)


def with_records(
    sale: Settlement,
    *,
    events: tuple[DomainEvent, ...] = (),
    audits: tuple[AuditEntry, ...] = (),
) -> Settlement:
    """Put records before those that a settlement has already."""
    return msgspec.structs.replace(
        sale, events=(*events, *sale.events), audits=(*audits, *sale.audits)
    )
