"""The store: transactions and one small protocol per aggregate.

Every aggregate's ``put_x`` inserts or replaces by id; ``get_x`` raises ``NotFound``; ``find_x``
gives None; ``list_x`` is bounded. Times are ``Instant``s and rows come back equal to what was put.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from keysat_core.domain.activity import Heartbeat
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.audit_chain import ChainPage
from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.idempotency import IdempotencyRecord
from keysat_core.domain.ids import (
    InvoiceId,
    LicenseId,
    MachineId,
    MerchantProfileId,
    PolicyId,
    ProductId,
    ProviderAccountId,
)
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.lease import Lease
from keysat_core.domain.license import License
from keysat_core.domain.listing import (
    AuditFilter,
    AuditRow,
    CascadeCounts,
    LicenseCounts,
    LicenseFilter,
    LicenseRow,
    LicenseSummary,
    MachineFilter,
    MachineRow,
    RevenueSummary,
)
from keysat_core.domain.machine import Machine
from keysat_core.domain.merchant import MerchantProfile, ProviderAccount
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.domain.rate_limit import Bucket
from keysat_core.domain.receipt import WebhookReceipt
from keysat_core.domain.secret import Secret
from keysat_core.ports.facts import ValidationFacts


class Products(Protocol):
    """Products. Slugs are unique."""

    def get_product(self, product_id: ProductId) -> Product: ...
    def find_product(self, product_id: ProductId) -> Product | None: ...
    def find_product_by_slug(self, slug: str) -> Product | None: ...
    def list_products(self, *, is_inactive_included: bool) -> list[Product]:
        """In the byte order of their names, at most ``PRODUCTS_MAX``."""
        ...

    def put_product(self, product: Product) -> None:
        """Raises ``SlugTaken`` when another product has the slug."""
        ...

    def count_products(self) -> int: ...


class Policies(Protocol):
    """Policies. Slugs are unique within a product."""

    def get_policy(self, policy_id: PolicyId) -> Policy: ...
    def find_policy(self, policy_id: PolicyId) -> Policy | None: ...
    def find_policy_by_slug(self, product_id: ProductId, slug: str) -> Policy | None: ...
    def list_policies(self, product_id: ProductId) -> list[Policy]:
        """All of a product in the byte order of their names, at most ``PRODUCTS_MAX``."""
        ...

    def put_policy(self, policy: Policy) -> None:
        """Raises ``SlugTaken`` when the product has another policy with the slug."""
        ...

    def count_policies(self, product_id: ProductId) -> int: ...


class Licenses(Protocol):
    """Licenses. At most one carries a given invoice id: the last defence against double issue."""

    def get_license(self, license_id: LicenseId) -> License: ...
    def find_license(self, license_id: LicenseId) -> License | None: ...
    def find_license_for_invoice(self, invoice_id: InvoiceId) -> License | None: ...
    def put_license(self, license: License) -> None: ...
    def add_licenses(self, licenses: Sequence[License]) -> None:
        """Insert licenses that are all new; faster than to put them one by one."""
        ...

    def list_licenses(self, criteria: LicenseFilter) -> list[LicenseRow]: ...
    def license_summary(self, now: Instant) -> LicenseSummary: ...
    def license_counts(self) -> LicenseCounts: ...


class Machines(Protocol):
    """Machines. At most one live row per license and fingerprint hash."""

    def get_machine(self, machine_id: MachineId) -> Machine: ...
    def find_live_machine(self, license_id: LicenseId, fingerprint_hash: str) -> Machine | None: ...
    def count_live_machines(self, license_id: LicenseId) -> int: ...
    def put_machine(self, machine: Machine) -> None: ...
    def put_heartbeats(self, beats: Iterable[Heartbeat]) -> None:
        """Fold heartbeats into live machines; an older one than the row's changes no time."""
        ...

    def list_machines(self, criteria: MachineFilter) -> list[MachineRow]: ...


class Invoices(Protocol):
    """Invoices. At most one carries a given provider invoice id of an account."""

    def get_invoice(self, invoice_id: InvoiceId) -> Invoice: ...
    def find_invoice(self, invoice_id: InvoiceId) -> Invoice | None: ...
    def find_invoice_at_provider(
        self, account_id: ProviderAccountId, provider_invoice_id: str
    ) -> Invoice | None: ...
    def put_invoice(self, invoice: Invoice) -> None: ...
    def list_unresolved(self, now: Instant, limit: int) -> list[Invoice]:
        """Invoices the reconciler should ask about now, longest not looked at first.

        A new one counts from when it was made, so it queues behind older ones.

        Those are: ``pending`` (checked every pass while younger than 2 h, every 10 min while
        younger than 72 h, daily from then on, because ``RECONCILE_DAYS`` ends them);
        ``expired`` or ``invalid`` at an account (every 15 min while younger than 72 h; then, if the
        provider's invoice is known, daily until ``RECONCILE_DAYS``); and ``settled`` without
        ``effect_at`` (any age, every pass).
        Source: payments 10, decisions 17.
        """
        ...

    def revenue_summary(self, now: Instant) -> RevenueSummary: ...


class Merchants(Protocol):
    """Merchant profiles and provider accounts. Exactly one profile is the default."""

    def find_profile(self, profile_id: MerchantProfileId) -> MerchantProfile | None: ...
    def find_default_profile(self) -> MerchantProfile | None: ...
    def put_profile(self, profile: MerchantProfile) -> None: ...
    def find_account(self, account_id: ProviderAccountId) -> ProviderAccount | None: ...
    def count_profiles(self) -> int: ...
    def list_accounts(self, profile_id: MerchantProfileId) -> list[ProviderAccount]: ...
    def put_account(self, account: ProviderAccount) -> None: ...


class Receipts(Protocol):
    """Webhook receipts."""

    def put_receipt(self, receipt: WebhookReceipt) -> None: ...
    def list_unmatched(
        self, account_id: ProviderAccountId, provider_invoice_id: str
    ) -> list[WebhookReceipt]:
        """Receipts that came before our record of the invoice, oldest first."""
        ...

    def list_noted(self, limit: int) -> list[WebhookReceipt]:
        """Receipts whose invoice is known but has not been looked at since, oldest first."""
        ...

    def purge_receipts(self, before: Instant, limit: int) -> int: ...


class Removals(Protocol):
    """Deleting products and policies with everything that hangs on them. Decides nothing."""

    def product_dependents(self, product_id: ProductId) -> CascadeCounts:
        """Count what refers to a product; licenses and invoices of any state."""
        ...

    def policy_dependents(self, policy_id: PolicyId, since: Instant) -> CascadeCounts:
        """Count what keeps a policy: licenses not revoked, settled invoices, and pending ones.

        Only pending invoices created after ``since`` count: a buyer may be paying one (B-16).
        """
        ...

    def remove_product(self, product_id: ProductId) -> CascadeCounts: ...
    def remove_policy(self, policy_id: PolicyId) -> CascadeCounts:
        """Invoices that a license of another policy refers to are kept without their policy."""
        ...


class Trail(Protocol):
    """Audit rows and outbox rows, written with the change they report.

    Every audit row gets the next id and is sealed to the row before it (``domain.audit_chain``).
    """

    def append_audit(self, entry: AuditEntry) -> None: ...
    def append_audits(self, entries: Sequence[AuditEntry]) -> None: ...
    def append_event(self, event: OutboxEvent) -> None: ...
    def append_events(self, events: Sequence[OutboxEvent]) -> None: ...
    def list_audit(self, *, action: str | None, limit: int) -> list[AuditEntry]:
        """Newest first."""
        ...

    def list_events(self, *, limit: int) -> list[OutboxEvent]:
        """Oldest first."""
        ...


class AuditLog(Protocol):
    """The audit rows as they were written down, with their ids and seals."""

    def list_rows(self, criteria: AuditFilter) -> list[AuditRow]:
        """Newest first."""
        ...

    def last_id(self) -> int:
        """Give the highest id ever given, whether its row is still there or not; 0 if none was."""
        ...

    def read_chain(self, first_id: int | None, limit: int) -> ChainPage:
        """Give rows in the order of their ids, from ``first_id`` on; None is the very first row.

        Rows a damaged file keeps from being read are given without cells, and cost one read each.

        Raises:
            StoreUnavailable: so much is damaged that not even single rows can be looked for.
        """
        ...


class Idempotency(Protocol):
    """Idempotency keys of one operation."""

    def find_record(self, operation: str, key: str) -> IdempotencyRecord | None: ...
    def put_record(self, operation: str, record: IdempotencyRecord) -> None: ...
    def remove_for_invoice(self, invoice_id: InvoiceId) -> None:
        """Free the keys of an invoice that never came to be."""
        ...

    def purge_records(self, before: Instant, limit: int) -> int: ...


class Buckets(Protocol):
    """Rate-limit buckets, kept so that a restart does not reset them."""

    def find_bucket(self, kind: str, key: str) -> Bucket | None: ...
    def put_bucket(self, kind: str, key: str, bucket: Bucket) -> None: ...
    def purge_buckets(self, before: Instant, limit: int) -> int: ...


class Leases(Protocol):
    """Leases of background jobs, one per name. A job never leased has no row."""

    def find_lease(self, name: str) -> Lease | None: ...
    def list_leases(self) -> list[Lease]:
        """In the order of their names."""
        ...

    def put_lease(self, lease: Lease) -> None: ...


class Settings(Protocol):
    """Values an operator sets while the server runs, and the server's own signing key."""

    def find_setting(self, key: str) -> str | None: ...
    def put_setting(self, key: str, value: str | None, now: Instant) -> None:
        """None removes the setting."""
        ...

    def find_signing_key_pem(self) -> tuple[Secret, str] | None:
        """The private and the public PEM; None before first boot."""
        ...

    def put_signing_key_pem(self, private_pem: Secret, public_pem: str, now: Instant) -> None:
        """Keep the first key for ever: raises ``SigningKeyUnusable`` if one exists already."""
        ...


class Transaction(Protocol):
    """One consistent view of the store; in ``writing`` also one atomic change of it."""

    @property
    def products(self) -> Products: ...
    @property
    def policies(self) -> Policies: ...
    @property
    def licenses(self) -> Licenses: ...
    @property
    def machines(self) -> Machines: ...
    @property
    def invoices(self) -> Invoices: ...
    @property
    def merchants(self) -> Merchants: ...
    @property
    def receipts(self) -> Receipts: ...
    @property
    def removals(self) -> Removals: ...
    @property
    def trail(self) -> Trail: ...
    @property
    def audit_log(self) -> AuditLog: ...
    @property
    def idempotency(self) -> Idempotency: ...
    @property
    def buckets(self) -> Buckets: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def facts(self) -> ValidationFacts: ...


class Store(Protocol):
    """Opens transactions; safe to use from many threads and beside other processes."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a snapshot. Writing through it raises ``StoreUnavailable``.

        Raises:
            StoreBusy, StoreUnavailable, CorruptRow.
        """
        ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """Open an immediate write transaction: commits durably at the end, rolls back on any error.

        Only one is open at a time across threads and processes; waiting is bounded. Do not nest.

        Raises:
            StoreBusy, StoreUnavailable, CorruptRow.
        """
        ...
