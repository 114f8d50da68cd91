"""Hypothesis strategies for the values of the domain, everything they may hold included.

Each takes by keyword what should be fixed, as a value: ``licenses(product_id=product.id)``. What a
value refers to is not made with it: a policy drawn alone belongs to a product nobody has.
"""

from keysat_core.domain.money import FIAT
from keysat_core.testing.strategies.actors import (
    actors,
    audit_entries,
    buyer_requests,
    validation_entries,
)
from keysat_core.testing.strategies.allowances import (
    allowances,
    buckets,
    self_licenses,
)
from keysat_core.testing.strategies.audits import (
    anchors,
    audit_filters,
    audit_rows,
    breaks,
    chain_reports,
)
from keysat_core.testing.strategies.events import (
    EVENT_KINDS,
    domain_events,
    events,
    outbox_events,
)
from keysat_core.testing.strategies.grants import (
    grants,
    receivers,
)
from keysat_core.testing.strategies.identity import (
    ids,
    instants,
    secrets,
)
from keysat_core.testing.strategies.inspections import check_findings, offenders, tallies
from keysat_core.testing.strategies.invoices import (
    expires,
    idempotency_records,
    invalidates,
    invoice_events,
    invoices,
    settles,
)
from keysat_core.testing.strategies.keys import (
    license_keys,
    license_payloads,
    parsed_keys,
    signed_text,
    signing_keys,
    verify_keys,
    wire_bytes,
)
from keysat_core.testing.strategies.licenses import (
    license_events,
    licenses,
    reinstates,
    revokes,
    suspends,
)
from keysat_core.testing.strategies.listings import (
    cascade_counts,
    license_counts,
    license_filters,
    license_rows,
    license_summaries,
    machine_filters,
    machine_rows,
    revenue_summaries,
)
from keysat_core.testing.strategies.machines import (
    candidates,
    fingerprints,
    heartbeats,
    machines,
    seat_claims,
    seats,
    seats_kept,
    seats_refused,
    seats_taken,
)
from keysat_core.testing.strategies.merchants import (
    merchant_profiles,
    provider_accounts,
)
from keysat_core.testing.strategies.money import (
    amounts,
    fetched_rates,
    inquiries,
    money,
    price_inputs,
    quotes,
    rates,
)
from keysat_core.testing.strategies.payments import (
    invoice_orders,
    provider_invoices,
    provider_notices,
    provider_reports,
    receipts,
)
from keysat_core.testing.strategies.policies import (
    policies,
    terms,
    tips,
)
from keysat_core.testing.strategies.products import (
    catalog_entries,
    catalogs,
    entitlements,
    products,
)
from keysat_core.testing.strategies.refused_keys import (
    RefusedKey,
    bound_keys,
    expired_keys,
    forged_keys,
    malformed_keys,
    refused_keys,
)
from keysat_core.testing.strategies.registration import (
    STRATEGIES,
    register_strategies,
    strategy_for,
)
from keysat_core.testing.strategies.sales import (
    sale_facts,
    settlements,
)
from keysat_core.testing.strategies.servers import (
    backup_facts,
    clock_facts,
    disk_spaces,
    findings,
    leases,
    settings_facts,
)
from keysat_core.testing.strategies.text import (
    addresses,
    digests,
    documents,
    emails,
    names,
    objects,
    slugs,
    texts,
)
from keysat_core.testing.strategies.validation import (
    facts,
    facts_and_questions,
    questions,
    refused_verdicts,
    valid_verdicts,
    verdicts,
)

__all__ = [
    "EVENT_KINDS",
    "FIAT",
    "STRATEGIES",
    "RefusedKey",
    "actors",
    "addresses",
    "allowances",
    "amounts",
    "anchors",
    "audit_entries",
    "audit_filters",
    "audit_rows",
    "backup_facts",
    "bound_keys",
    "breaks",
    "buckets",
    "buyer_requests",
    "candidates",
    "cascade_counts",
    "catalog_entries",
    "catalogs",
    "chain_reports",
    "check_findings",
    "clock_facts",
    "digests",
    "disk_spaces",
    "documents",
    "domain_events",
    "emails",
    "entitlements",
    "events",
    "expired_keys",
    "expires",
    "facts",
    "facts_and_questions",
    "fetched_rates",
    "findings",
    "fingerprints",
    "forged_keys",
    "grants",
    "heartbeats",
    "idempotency_records",
    "ids",
    "inquiries",
    "instants",
    "invalidates",
    "invoice_events",
    "invoice_orders",
    "invoices",
    "leases",
    "license_counts",
    "license_events",
    "license_filters",
    "license_keys",
    "license_payloads",
    "license_rows",
    "license_summaries",
    "licenses",
    "machine_filters",
    "machine_rows",
    "machines",
    "malformed_keys",
    "merchant_profiles",
    "money",
    "names",
    "objects",
    "offenders",
    "outbox_events",
    "parsed_keys",
    "policies",
    "price_inputs",
    "products",
    "provider_accounts",
    "provider_invoices",
    "provider_notices",
    "provider_reports",
    "questions",
    "quotes",
    "rates",
    "receipts",
    "receivers",
    "refused_keys",
    "refused_verdicts",
    "register_strategies",
    "reinstates",
    "revenue_summaries",
    "revokes",
    "sale_facts",
    "seat_claims",
    "seats",
    "seats_kept",
    "seats_refused",
    "seats_taken",
    "secrets",
    "self_licenses",
    "settings_facts",
    "settlements",
    "settles",
    "signed_text",
    "signing_keys",
    "slugs",
    "strategy_for",
    "suspends",
    "tallies",
    "terms",
    "texts",
    "tips",
    "valid_verdicts",
    "validation_entries",
    "verdicts",
    "verify_keys",
    "wire_bytes",
]
