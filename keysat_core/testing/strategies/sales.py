"""A sale at the moment it is settled, what is learned of it, and what settling it writes."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.answer import Answer
from keysat_core.domain.ids import LicenseId, PolicyId, ProviderAccountId, TipId
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.sale import SaleFacts, Settlement
from keysat_core.testing.strategies.actors import audit_entries
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.events import domain_events
from keysat_core.testing.strategies.identity import ids
from keysat_core.testing.strategies.invoices import invoices
from keysat_core.testing.strategies.licenses import licenses
from keysat_core.testing.strategies.payments import provider_invoices, provider_reports
from keysat_core.testing.strategies.policies import policies
from keysat_core.testing.strategies.saved_payments import saved_payments
from keysat_core.testing.strategies.tips import tip_attempts


@st.composite
def sale_facts(draw: st.DrawFn, /, invoice: Invoice | None = None) -> SaleFacts:
    """What is known of a sale: invoice, policy and license belong together."""
    given = invoice or draw(invoices(policy_id=draw(st.none() | ids().map(PolicyId))))
    policy_id = given.policy_id
    policy = draw(policies(id=policy_id, product_id=given.product_id)) if policy_id else None
    issued = licenses(product_id=given.product_id, policy_id=policy_id, invoice_id=given.id)
    return SaleFacts(
        invoice=given,
        policy=policy,
        issued=draw(st.none() | issued),
        new_license_id=draw(ids().map(LicenseId)),
        new_tip_id=draw(ids().map(TipId)),
        provider_kind=draw(st.none() | st.sampled_from(ProviderKind)),
    )


def answers(**fixed: Any) -> SearchStrategy[Answer]:
    """What an account said of an invoice, whatever the invoice was when it was asked."""
    return built(
        Answer,
        fixed,
        account_id=ids().map(ProviderAccountId),
        kind=st.sampled_from(ProviderKind),
        known=provider_invoices(),
        report=provider_reports(),
        seen=st.sampled_from(InvoiceStatus),
    )


def settlements(**fixed: Any) -> SearchStrategy[Settlement]:
    """What one transaction has to write."""
    return built(
        Settlement,
        fixed,
        invoice=invoices(),
        license=st.none() | licenses(),
        tip=st.none() | tip_attempts(),
        saved_payment=st.none() | saved_payments(),
        events=st.lists(domain_events(), max_size=2).map(tuple),
        audits=st.lists(audit_entries(), max_size=2).map(tuple),
    )
