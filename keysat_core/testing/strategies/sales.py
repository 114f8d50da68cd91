"""A sale at the moment it is settled, what is learned of it, and what settling it writes."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.answer import Answer
from keysat_core.domain.ids import InvoiceId, MerchantProfileId, PolicyId, ProviderAccountId
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.sale_record import (
    BilledCycle,
    NewIds,
    OrderedChange,
    SaleFacts,
    Settlement,
    new_ids,
)
from keysat_core.domain.subscription import Cycle
from keysat_core.testing.strategies.actors import audit_entries
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.codes import code_uses
from keysat_core.testing.strategies.events import domain_events
from keysat_core.testing.strategies.identity import ids
from keysat_core.testing.strategies.invoices import invoices
from keysat_core.testing.strategies.licenses import licenses
from keysat_core.testing.strategies.payments import provider_invoices, provider_reports
from keysat_core.testing.strategies.policies import policies
from keysat_core.testing.strategies.products import products
from keysat_core.testing.strategies.saved_payments import saved_payments
from keysat_core.testing.strategies.subscriptions import cycles, subscriptions
from keysat_core.testing.strategies.tier_changes import tier_changes
from keysat_core.testing.strategies.tips import tip_attempts


@st.composite
def sale_facts(draw: st.DrawFn, /, invoice: Invoice | None = None) -> SaleFacts:
    """What is known of a sale: invoice, policy and license belong together."""
    given = invoice or draw(invoices(policy_id=draw(st.none() | ids().map(PolicyId))))
    policy_id = given.policy_id
    policy = draw(policies(id=policy_id, product_id=given.product_id)) if policy_id else None
    issued = licenses(product_id=given.product_id, policy_id=policy_id, invoice_id=given.id)
    product_id = given.product_id
    return SaleFacts(
        invoice=given,
        product=draw(products(id=product_id)),
        policy=policy,
        issued=draw(st.none() | issued),
        new=draw(fresh_ids()),
        provider_kind=draw(st.none() | st.sampled_from(ProviderKind)),
        merchant_profile_id=draw(st.none() | ids().map(MerchantProfileId)),
        code_use=draw(st.none() | code_uses(invoice_id=given.id)),
        **draw(_kinds(given)),
    )


def fresh_ids() -> SearchStrategy[NewIds]:
    """Ids for what a sale brings into being."""
    return st.lists(ids(), min_size=4, max_size=4, unique=True).map(
        lambda four: new_ids(iter(four).__next__)
    )


@st.composite
def billed_cycles(draw: st.DrawFn, /, invoice: Invoice | None = None) -> BilledCycle:
    """A cycle from the second on, with the subscription and license it is of."""
    license = draw(licenses())
    subscription = draw(subscriptions(license_id=license.id, product_id=license.product_id))
    invoice_id = invoice.id if invoice else draw(ids().map(InvoiceId))
    cycle = draw(
        cycles(
            subscription_id=subscription.id,
            invoice_id=invoice_id,
            number=draw(st.integers(2, 100)),
            settled_at=None,
        )
    )
    last = cycles(subscription_id=subscription.id, number=cycle.number - 1)
    policy = policies(id=subscription.policy_id, product_id=subscription.product_id)
    return BilledCycle(
        cycle=cycle,
        subscription=subscription,
        license=license,
        policy=draw(st.none() | policy),
        last_settled=draw(st.none() | last),
        open_cycle=cycle if cycle.is_open else None,
    )


@st.composite
def ordered_changes(draw: st.DrawFn, /, invoice: Invoice | None = None) -> OrderedChange:
    """A change of tier that waits for its invoice, or was applied."""
    license = draw(licenses())
    target = draw(policies(product_id=license.product_id))
    subscription = draw(
        st.none() | subscriptions(license_id=license.id, product_id=license.product_id)
    )
    invoice_id = invoice.id if invoice else draw(ids().map(InvoiceId))
    change = draw(
        tier_changes(license_id=license.id, to_policy_id=target.id, invoice_id=invoice_id)
    )
    waiting: SearchStrategy[Cycle | None] = st.none()
    if subscription is not None:
        waiting |= cycles(subscription_id=subscription.id, settled_at=None, superseded_at=None)
    return OrderedChange(
        change=change,
        license=license,
        target=target,
        subscription=subscription,
        open_cycle=draw(waiting),
        scheduled=draw(st.none() | tier_changes(license_id=license.id, invoice_id=None)),
    )


def _kinds(invoice: Invoice) -> SearchStrategy[dict[str, Any]]:
    """A purchase, a cycle, or a change of tier."""
    purchase: SearchStrategy[dict[str, Any]] = st.just({})
    cycle = billed_cycles(invoice).map(lambda one: {"billed": one})
    change = ordered_changes(invoice).map(lambda one: {"ordered": one})
    return purchase | cycle | change


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
        code_use=st.none() | code_uses(),
        subscription=st.none() | subscriptions(),
        cycles=st.lists(cycles(), max_size=2).map(tuple),
        tier_change=st.none() | tier_changes(),
        withdrawn_change=st.none() | tier_changes(),
        events=st.lists(domain_events(), max_size=2).map(tuple),
        audits=st.lists(audit_entries(), max_size=2).map(tuple),
    )
