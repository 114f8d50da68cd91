"""Part of the store: codes and their uses, subscriptions, and changes of tier."""

from typing import Protocol

from keysat_core.domain.attribution import Attribution
from keysat_core.domain.code import Code
from keysat_core.domain.ids import (
    CodeId,
    InvoiceId,
    LicenseId,
    MerchantProfileId,
    PolicyId,
    ProductId,
    RedemptionId,
    SubscriptionId,
    TierChangeId,
)
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License
from keysat_core.domain.listing import SubscriptionFilter, SubscriptionPage
from keysat_core.domain.redemption import Redemption
from keysat_core.domain.sale_record import NewIds, SaleFacts, Settlement
from keysat_core.domain.subscription import Cycle, Subscription
from keysat_core.domain.tier_change import TierChange
from keysat_core.domain.tier_quote import TierFacts


class Codes(Protocol):
    """Discount codes and their redemptions. Codes are unique; an invoice has one redemption."""

    def get_code(self, code_id: CodeId) -> Code: ...
    def find_code_by_text(self, code: str) -> Code | None:
        """Look for a code in its normal spelling."""
        ...

    def put_code(self, code: Code) -> None:
        """Raises ``SlugTaken`` when another code is spelled the same."""
        ...

    def list_featured(self, product_id: ProductId, now: Instant) -> list[Code]:
        """Active, unexpired featured codes with uses left, for the product or for any; oldest first."""
        ...

    def list_codes(self, *, is_inactive_included: bool, limit: int, offset: int) -> list[Code]:
        """A page, newest first."""
        ...

    def count_codes(self, *, is_inactive_included: bool) -> int: ...
    def remove_code(self, code_id: CodeId) -> None:
        """Raises ``StoreUnavailable`` when it has redemptions."""
        ...

    def count_redemptions(self, code_id: CodeId) -> int: ...
    def list_redemptions(self, code_id: CodeId, limit: int) -> list[Redemption]:
        """Newest first."""
        ...

    def list_held(self, before: Instant, limit: int) -> list[RedemptionId]:
        """Pending uses whose invoice has ended, or was opened before an instant and still waits.

        Oldest first. Those whose provider says that a payment is under way are left out.
        """
        ...

    def attribute_sales(self, since: Instant | None, until: Instant | None) -> list[Attribution]:
        """Add up redeemed uses by code, by when they were redeemed; most revenue first."""
        ...

    def find_redemption(self, redemption_id: RedemptionId) -> Redemption | None: ...
    def find_redemption_of(self, invoice_id: InvoiceId) -> Redemption | None: ...
    def put_redemption(self, redemption: Redemption) -> None: ...


class Subscriptions(Protocol):
    """Subscriptions and their cycles. One subscription for a license, one open cycle for each."""

    def get_subscription(self, subscription_id: SubscriptionId) -> Subscription: ...
    def find_subscription(self, subscription_id: SubscriptionId) -> Subscription | None: ...
    def find_subscription_of(self, license_id: LicenseId) -> Subscription | None: ...
    def put_subscription(self, subscription: Subscription) -> None: ...
    def list_due_subscriptions(self, now: Instant, limit: int) -> list[SubscriptionId]:
        """Those to look at by now, longest due first. Whether a row is whole is not looked at."""
        ...

    def list_subscriptions(self, criteria: SubscriptionFilter) -> SubscriptionPage:
        """One page, newest first, in an order that stays; ``total`` counts all that match."""
        ...

    def count_live_of_profile(self, profile_id: MerchantProfileId) -> int: ...
    def count_live_of_policy(self, policy_id: PolicyId) -> int: ...
    def put_cycle(self, cycle: Cycle) -> None:
        """Raises ``StoreUnavailable`` when another cycle is open, or has the number."""
        ...

    def find_cycle_of(self, invoice_id: InvoiceId) -> Cycle | None: ...
    def find_open_cycle(self, subscription_id: SubscriptionId) -> Cycle | None: ...
    def find_last_settled_cycle(self, subscription_id: SubscriptionId) -> Cycle | None: ...
    def list_cycles(self, subscription_id: SubscriptionId, limit: int) -> list[Cycle]:
        """Newest first, superseded ones too."""
        ...


class TierChanges(Protocol):
    """Changes of tier. One open change for a license and tier, one scheduled for a license."""

    def get_tier_change(self, change_id: TierChangeId) -> TierChange: ...
    def find_tier_change_of(self, invoice_id: InvoiceId) -> TierChange | None: ...
    def find_open_change(self, license_id: LicenseId, to_policy_id: PolicyId) -> TierChange | None:
        """The change to that tier that waits, paid for or scheduled."""
        ...

    def find_scheduled_change(self, license_id: LicenseId) -> TierChange | None:
        """The change that waits for its day."""
        ...

    def put_tier_change(self, change: TierChange) -> None: ...
    def list_tier_changes(self, license_id: LicenseId, limit: int) -> list[TierChange]:
        """Newest first."""
        ...


class Sales(Protocol):
    """A sale as a whole: what its settlement depends on, and what that writes."""

    def get_facts(self, invoice_id: InvoiceId, new: NewIds) -> SaleFacts:
        """Gather what is known of a sale; raises ``NotFound``."""
        ...

    def get_tier_facts(self, license_id: LicenseId) -> TierFacts:
        """Gather what a change of a license's tier depends on.

        Raises ``NotFound`` for a license that is not there, or whose recorded account is not.
        """
        ...

    def put_settlement(self, sale: Settlement) -> None:
        """Write its rows. Its audit rows and events are the caller's."""
        ...

    def find_license_of(self, invoice_id: InvoiceId) -> License | None:
        """The license that an invoice issued, or that it has extended or changed (D50)."""
        ...
