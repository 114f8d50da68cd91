"""Which strategy makes which type, and how to tell Hypothesis so.

Importing this registers nothing: a test suite calls ``register_strategies`` if it wants
``st.from_type(License)`` to give licenses that keep their invariants.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.activity import Heartbeat, ValidationEntry
from keysat_core.domain.actor import Actor
from keysat_core.domain.answer import Answer
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.audit_breaks import Break
from keysat_core.domain.audit_chain import Anchor
from keysat_core.domain.audit_list import AuditFilter, AuditRow
from keysat_core.domain.audit_walk import ChainEnd, ChainReport
from keysat_core.domain.backup_schedule import BackupRecord, BackupsKept
from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.connect_failure import ConnectFailure
from keysat_core.domain.connecting import ConnectState, RemoteStore, RemoteWebhook
from keysat_core.domain.entitlement import CatalogEntry
from keysat_core.domain.events import Event, OutboxEvent
from keysat_core.domain.file_diagnosis import BackupFacts, DiskSpace
from keysat_core.domain.finding import Finding
from keysat_core.domain.grant import Grant, Receiver
from keysat_core.domain.idempotency import IdempotencyRecord, KeptRequest, RequestKey
from keysat_core.domain.inspection import CheckFinding, Offenders, Tallies
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Expire, Invalidate, Invoice, Settle
from keysat_core.domain.lease import Lease
from keysat_core.domain.license import License, Reinstate, Revoke, Suspend
from keysat_core.domain.lightning import LightningAddress, LightningInvoice, PayOffer
from keysat_core.domain.listing import (
    CascadeCounts,
    DueInvoice,
    InvoiceFilter,
    InvoicePage,
    InvoiceRow,
    LicenseCounts,
    LicenseFilter,
    LicenseRow,
    LicenseSummary,
    MachineFilter,
    MachineRow,
    RevenueSummary,
    RevenueWindow,
)
from keysat_core.domain.logo import Logo
from keysat_core.domain.machine import (
    Candidate,
    Machine,
    SeatKept,
    SeatRefused,
    Seats,
    SeatTaken,
)
from keysat_core.domain.merchant import MerchantProfile, ProviderAccount, RailPreference
from keysat_core.domain.money import Money
from keysat_core.domain.payment import (
    InvoiceOrder,
    LightningPayment,
    ProviderInvoice,
    ProviderNotice,
    ProviderReport,
)
from keysat_core.domain.policy import Policy, Terms, Tip
from keysat_core.domain.product import PriceInput, Product
from keysat_core.domain.provider_health import ProviderHealth
from keysat_core.domain.rate import FetchedRate, Quote, Rate
from keysat_core.domain.rate_limit import Allowance, Bucket
from keysat_core.domain.rate_trust import Inquiry
from keysat_core.domain.receipt import DueReceipt, WebhookReceipt
from keysat_core.domain.sale_record import SaleFacts, Settlement
from keysat_core.domain.saved_payment import (
    Charge,
    ChargeReport,
    Confirm,
    Decline,
    Lose,
    Refuse,
    SavedPayment,
    SavedProfile,
)
from keysat_core.domain.secret import Secret
from keysat_core.domain.self_license import SelfLicense
from keysat_core.domain.settings_diagnosis import SettingsFacts
from keysat_core.domain.tallies import ShopTallies
from keysat_core.domain.tip import Begin, Deliver, Fail, Skip, TipAttempt, TipFilter
from keysat_core.domain.validation import Facts, Question, Refused, Valid
from keysat_core.domain.webhook_trouble import RemoteDelivery, WebhookTrouble
from keysat_core.domain.work_diagnosis import ClockFacts
from keysat_core.signing import LicenseKey, LicensePayload, SigningKey, VerifyKey
from keysat_core.testing.strategies.access import ACCESS_STRATEGIES
from keysat_core.testing.strategies.actors import (
    actors,
    audit_entries,
    buyer_requests,
    validation_entries,
)
from keysat_core.testing.strategies.allowances import allowances, buckets, self_licenses
from keysat_core.testing.strategies.audits import (
    anchors,
    audit_filters,
    audit_rows,
    breaks,
    chain_ends,
    chain_reports,
)
from keysat_core.testing.strategies.commerce import COMMERCE
from keysat_core.testing.strategies.connections import (
    connect_failures,
    connect_states,
    provider_health,
    remote_deliveries,
    remote_stores,
    remote_webhooks,
    webhook_troubles,
)
from keysat_core.testing.strategies.events import (
    EVENT_KINDS,
    domain_events,
    events,
    outbox_events,
)
from keysat_core.testing.strategies.grants import grants, receivers
from keysat_core.testing.strategies.identity import instants, secrets
from keysat_core.testing.strategies.inspections import check_findings, offenders, tallies
from keysat_core.testing.strategies.invoices import (
    expires,
    idempotency_records,
    invalidates,
    invoices,
    kept_requests,
    request_keys,
    settles,
)
from keysat_core.testing.strategies.keys import (
    license_payloads,
    parsed_keys,
    signing_keys,
    verify_keys,
)
from keysat_core.testing.strategies.licenses import licenses, reinstates, revokes, suspends
from keysat_core.testing.strategies.lightning import (
    lightning_addresses,
    lightning_invoices,
    pay_offers,
)
from keysat_core.testing.strategies.listings import (
    cascade_counts,
    due_invoices,
    invoice_filters,
    invoice_pages,
    invoice_rows,
    license_counts,
    license_filters,
    license_rows,
    license_summaries,
    machine_filters,
    machine_rows,
    revenue_summaries,
    revenue_windows,
)
from keysat_core.testing.strategies.machines import (
    candidates,
    heartbeats,
    machines,
    seats,
    seats_kept,
    seats_refused,
    seats_taken,
)
from keysat_core.testing.strategies.merchants import (
    logos,
    merchant_profiles,
    provider_accounts,
    rail_preferences,
)
from keysat_core.testing.strategies.money import (
    fetched_rates,
    inquiries,
    money,
    price_inputs,
    quotes,
    rates,
)
from keysat_core.testing.strategies.own_server import OWN_SERVER
from keysat_core.testing.strategies.payments import (
    due_receipts,
    invoice_orders,
    lightning_payments,
    provider_invoices,
    provider_notices,
    provider_reports,
    receipts,
)
from keysat_core.testing.strategies.policies import policies, terms, tips
from keysat_core.testing.strategies.products import catalog_entries, products
from keysat_core.testing.strategies.sales import answers, sale_facts, settlements
from keysat_core.testing.strategies.saved_payments import (
    charge_reports,
    charges,
    confirms,
    declines,
    loses,
    refuses,
    saved_payments,
    saved_profiles,
)
from keysat_core.testing.strategies.servers import (
    backup_facts,
    backup_records,
    backups_kept,
    clock_facts,
    disk_spaces,
    findings,
    leases,
    settings_facts,
    shop_tallies,
)
from keysat_core.testing.strategies.tips import (
    begins,
    delivers,
    fails,
    skips,
    tip_attempts,
    tip_filters,
)
from keysat_core.testing.strategies.validation import (
    facts,
    questions,
    refused_verdicts,
    valid_verdicts,
)
from keysat_core.testing.strategies.webhooks import WEBHOOK_STRATEGIES

STRATEGIES: Final[Mapping[type, Callable[[], SearchStrategy[Any]]]] = {
    Actor: actors,
    Allowance: allowances,
    Anchor: anchors,
    Answer: answers,
    AuditEntry: audit_entries,
    AuditFilter: audit_filters,
    AuditRow: audit_rows,
    BackupFacts: backup_facts,
    BackupRecord: backup_records,
    BackupsKept: backups_kept,
    Begin: begins,
    Break: breaks,
    Bucket: buckets,
    BuyerRequest: buyer_requests,
    Candidate: candidates,
    CascadeCounts: cascade_counts,
    CatalogEntry: catalog_entries,
    ChainReport: chain_reports,
    ChainEnd: chain_ends,
    ClockFacts: clock_facts,
    ConnectState: connect_states,
    Deliver: delivers,
    DiskSpace: disk_spaces,
    Event: domain_events,
    Expire: expires,
    Facts: facts,
    Fail: fails,
    Finding: findings,
    Grant: grants,
    Heartbeat: heartbeats,
    IdempotencyRecord: idempotency_records,
    Invalidate: invalidates,
    Invoice: invoices,
    InvoiceOrder: invoice_orders,
    KeptRequest: kept_requests,
    Lease: leases,
    RequestKey: request_keys,
    License: licenses,
    LightningPayment: lightning_payments,
    LicenseCounts: license_counts,
    InvoiceFilter: invoice_filters,
    DueInvoice: due_invoices,
    InvoicePage: invoice_pages,
    InvoiceRow: invoice_rows,
    LicenseFilter: license_filters,
    LicenseKey: parsed_keys,
    LicensePayload: license_payloads,
    LicenseRow: license_rows,
    LicenseSummary: license_summaries,
    LightningAddress: lightning_addresses,
    LightningInvoice: lightning_invoices,
    Logo: logos,
    Machine: machines,
    MachineFilter: machine_filters,
    MachineRow: machine_rows,
    MerchantProfile: merchant_profiles,
    Money: money,
    OutboxEvent: outbox_events,
    PayOffer: pay_offers,
    Policy: policies,
    PriceInput: price_inputs,
    Product: products,
    ProviderAccount: provider_accounts,
    RailPreference: rail_preferences,
    ProviderHealth: provider_health,
    RemoteDelivery: remote_deliveries,
    WebhookTrouble: webhook_troubles,
    ConnectFailure: connect_failures,
    ProviderInvoice: provider_invoices,
    ProviderNotice: provider_notices,
    ProviderReport: provider_reports,
    Question: questions,
    Quote: quotes,
    FetchedRate: fetched_rates,
    Inquiry: inquiries,
    Rate: rates,
    Receiver: receivers,
    Refused: refused_verdicts,
    Reinstate: reinstates,
    RevenueSummary: revenue_summaries,
    RevenueWindow: revenue_windows,
    RemoteStore: remote_stores,
    RemoteWebhook: remote_webhooks,
    Revoke: revokes,
    SaleFacts: sale_facts,
    SeatKept: seats_kept,
    SeatRefused: seats_refused,
    SeatTaken: seats_taken,
    Seats: seats,
    Secret: secrets,
    SelfLicense: self_licenses,
    CheckFinding: check_findings,
    Offenders: offenders,
    Tallies: tallies,
    SettingsFacts: settings_facts,
    ShopTallies: shop_tallies,
    Settle: settles,
    Settlement: settlements,
    SigningKey: signing_keys,
    Skip: skips,
    Suspend: suspends,
    Terms: terms,
    Tip: tips,
    TipAttempt: tip_attempts,
    TipFilter: tip_filters,
    Valid: valid_verdicts,
    ValidationEntry: validation_entries,
    VerifyKey: verify_keys,
    WebhookReceipt: receipts,
    DueReceipt: due_receipts,
    Charge: charges,
    ChargeReport: charge_reports,
    Confirm: confirms,
    Decline: declines,
    Lose: loses,
    Refuse: refuses,
    SavedPayment: saved_payments,
    SavedProfile: saved_profiles,
    **COMMERCE,
    **OWN_SERVER,
    **WEBHOOK_STRATEGIES,
    **ACCESS_STRATEGIES,
}
"""Every struct of the domain but the events, which ``strategy_for`` finds by their kind."""


def strategy_for(kind: type) -> SearchStrategy[Any]:
    """Give the strategy of a struct of the domain, an event, or a kind of key.

    Raises:
        KeyError: it is none of them.
    """
    if kind in EVENT_KINDS:
        return events(kind)
    return STRATEGIES[kind]()


def register_strategies() -> None:
    """Make ``st.from_type`` use these strategies in this process, also deep inside other types.

    It is for test suites to call, once, where they configure Hypothesis. Calling it again changes
    nothing.
    """
    for kind in (*STRATEGIES, *EVENT_KINDS):
        st.register_type_strategy(kind, strategy_for(kind))
    st.register_type_strategy(Instant, instants())
