"""Part of the store: invoices, who is paid for them, and what payment providers said."""

from collections.abc import Set as AbstractSet
from typing import Protocol

from keysat_core.domain.connecting import ConnectState
from keysat_core.domain.ids import InvoiceId, MerchantProfileId, ProviderAccountId, TipId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.listing import (
    DueInvoice,
    InvoiceFilter,
    InvoicePage,
    InvoiceRow,
    RevenueSummary,
    RevenueWindow,
    Total,
)
from keysat_core.domain.logo import Logo
from keysat_core.domain.merchant import MerchantProfile, ProviderAccount, RailPreference
from keysat_core.domain.payment import Rail
from keysat_core.domain.provider_health import ProviderHealth
from keysat_core.domain.receipt import DueReceipt, WebhookReceipt
from keysat_core.domain.tip import TipAttempt, TipFilter
from keysat_core.domain.webhook_trouble import WebhookTrouble


class Invoices(Protocol):
    """Invoices. At most one carries a given provider invoice id of an account."""

    def get_invoice(self, invoice_id: InvoiceId) -> Invoice: ...
    def find_invoice(self, invoice_id: InvoiceId) -> Invoice | None: ...
    def find_invoice_at_provider(
        self, account_id: ProviderAccountId, provider_invoice_id: str
    ) -> Invoice | None: ...
    def find_unassigned_invoice(self, provider_invoice_id: str) -> Invoice | None:
        """An invoice of an old database, which names no account."""
        ...

    def put_invoice(self, invoice: Invoice) -> None: ...
    def list_unresolved(self, now: Instant, limit: int) -> list[DueInvoice]:
        """Invoices the reconciler should ask about now, longest not looked at first.

        Also those whose row is broken otherwise: whoever reads one by itself is told.

        A new one counts from when it was made, so it queues behind older ones. Of one account there
        is at most one more than ``RECONCILE_BATCH``, which is as many as a pass asks about, so that
        an account that is not asked for a while hides nothing of the others.

        Those are: ``pending`` (checked every pass while younger than 2 h, every 10 min while
        younger than 72 h, daily from then on, because ``RECONCILE_DAYS`` ends them);
        ``expired`` or ``invalid`` at an account (every 15 min while younger than 72 h; then, if the
        provider's invoice is known, daily until ``RECONCILE_DAYS``); and ``settled`` without
        ``effect_at`` and not held (any age, every pass).
        Source: payments 10, decisions 17.
        """
        ...

    def count_pending_of(self, account_id: ProviderAccountId) -> int:
        """Invoices of an account that still wait."""
        ...

    def get_invoice_row(self, invoice_id: InvoiceId) -> InvoiceRow: ...
    def list_invoices(self, criteria: InvoiceFilter) -> InvoicePage:
        """One page, newest first, in an order that stays; ``total`` counts all that match."""
        ...

    def list_invoice_rows(self, criteria: InvoiceFilter) -> list[InvoiceRow]:
        """The same page, without counting."""
        ...

    def revenue_summary(self, now: Instant) -> RevenueSummary: ...
    def revenue_within(self, since: Instant | None, until: Instant | None) -> RevenueWindow:
        """What was settled from ``since`` on and before ``until``."""
        ...


class Merchants(Protocol):
    """Merchant profiles and provider accounts. Exactly one profile is the default."""

    def find_profile(self, profile_id: MerchantProfileId) -> MerchantProfile | None: ...
    def find_default_profile(self) -> MerchantProfile | None: ...
    def list_profiles(self) -> list[MerchantProfile]:
        """The default first, then the newest first."""
        ...

    def put_profile(self, profile: MerchantProfile) -> None: ...
    def remove_profile(self, profile_id: MerchantProfileId) -> None:
        """Remove a profile with its preferences; raises ``StoreUnavailable`` while in use.

        Subscriptions that ended are only history, and forget it (B-14).
        """
        ...

    def count_profiles(self) -> int: ...
    def count_products_of(self, profile_id: MerchantProfileId) -> int: ...
    def find_account(self, account_id: ProviderAccountId) -> ProviderAccount | None:
        """Give an account, also one that is disconnected."""
        ...

    def list_accounts(self, profile_id: MerchantProfileId) -> list[ProviderAccount]:
        """The connected accounts of a profile, earliest first."""
        ...

    def list_all_accounts(self, *, is_disconnected_included: bool) -> list[ProviderAccount]:
        """The accounts of every profile, earliest first."""
        ...

    def put_account(self, account: ProviderAccount) -> None:
        """Raises ``AlreadyConnected`` when the profile has another connected one of the kind."""
        ...

    def list_preferences(self, profile_id: MerchantProfileId) -> list[RailPreference]:
        """In the order of the rails' names."""
        ...

    def put_preference(self, preference: RailPreference) -> None: ...
    def remove_preference(self, profile_id: MerchantProfileId, rail: Rail) -> None: ...
    def remove_preferences_of(self, account_id: ProviderAccountId) -> None: ...


class Logos(Protocol):
    """The pictures of merchant profiles, at most one each; they go with their profile."""

    def find_logo(self, profile_id: MerchantProfileId) -> Logo | None: ...
    def find_version(self, profile_id: MerchantProfileId) -> str | None:
        """Give the version of a picture without the picture."""
        ...

    def list_versions(self) -> dict[MerchantProfileId, str]: ...
    def put_logo(self, logo: Logo) -> None: ...
    def remove_logo(self, profile_id: MerchantProfileId) -> None: ...


class Connections(Protocol):
    """Consent links given out, how connected accounts answer, and whose webhooks do not arrive."""

    def put_state(self, state: ConnectState) -> None: ...
    def find_state(self, token_hash: str) -> ConnectState | None: ...
    def take_state(self, token_hash: str) -> ConnectState | None:
        """Give a consent link once; it is gone afterwards, whatever becomes of it."""
        ...

    def purge_states(self, before: Instant) -> int: ...
    def find_health(self, account_id: ProviderAccountId) -> ProviderHealth | None: ...
    def list_health(self) -> list[ProviderHealth]: ...
    def put_health(self, health: ProviderHealth) -> None: ...
    def remove_health(self, account_id: ProviderAccountId) -> None:
        """Forget how an account answers, and what is wrong with its webhook."""
        ...

    def find_trouble(self, account_id: ProviderAccountId) -> WebhookTrouble | None: ...
    def list_troubles(self) -> list[WebhookTrouble]: ...
    def put_trouble(self, trouble: WebhookTrouble) -> None: ...
    def remove_trouble(self, account_id: ProviderAccountId) -> None: ...


class Receipts(Protocol):
    """Webhook receipts."""

    def put_receipt(self, receipt: WebhookReceipt) -> None: ...
    def list_unmatched(
        self, account_id: ProviderAccountId, provider_invoice_id: str
    ) -> list[WebhookReceipt]:
        """Receipts that came before our record of the invoice, oldest first."""
        ...

    def find_receipt(self, receipt_id: str) -> WebhookReceipt | None:
        """Give a receipt or None; raises ``CorruptRow`` if it is damaged."""
        ...

    def list_noted(
        self, now: Instant, limit: int, *, but_of: AbstractSet[ProviderAccountId]
    ) -> list[DueReceipt]:
        """Receipts whose invoice is to be looked at by now, longest due first.

        None of the accounts ``but_of``, which are few. Whether a row is whole is not looked at, so
        that a damaged one does not keep the others waiting.
        """
        ...

    def purge_receipts(self, before: Instant, limit: int) -> int: ...


class Tips(Protocol):
    """Tips. At most one of a license is not ``skipped``: the last defence against tipping twice."""

    def find_tip(self, tip_id: TipId) -> TipAttempt | None: ...
    def put_tip(self, tip: TipAttempt) -> None:
        """Raises ``StoreUnavailable`` when the license has another one that is not ``skipped``."""
        ...

    def list_tips(self, criteria: TipFilter) -> list[TipAttempt]:
        """Newest first."""
        ...

    def count_tips(self, criteria: TipFilter) -> Total:
        """How many match on all pages."""
        ...

    def list_due_tips(self, now: Instant, limit: int) -> list[TipAttempt]:
        """Tips with something to do by now, longest due first."""
        ...

    def spent_sats(self, since: Instant) -> int:
        """Add up tips that were paid, or may have been, after an instant."""
        ...
