"""What decides about a subscription, how one ends, and lists of them."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.billing import BillingFacts
from keysat_core.domain.ids import InvoiceId, LicenseId, ProductId
from keysat_core.domain.listing import SubscriptionFilter, SubscriptionPage
from keysat_core.domain.subscription import SubscriptionStatus
from keysat_core.domain.subscription_end import Ended
from keysat_core.limits import OFFSET_MAX, SUBSCRIPTIONS_PAGE_MAX
from keysat_core.testing.strategies.actors import audit_entries
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.events import domain_events
from keysat_core.testing.strategies.identity import ids
from keysat_core.testing.strategies.invoices import invoices
from keysat_core.testing.strategies.licenses import licenses
from keysat_core.testing.strategies.policies import policies
from keysat_core.testing.strategies.products import products
from keysat_core.testing.strategies.subscriptions import cycles, subscriptions
from keysat_core.testing.strategies.tier_changes import tier_changes


@st.composite
def billing_facts(draw: st.DrawFn, /, **fixed: Any) -> BillingFacts:
    """Subscriptions in every state, with a cycle that waits, was superseded, or none."""
    product = draw(products())
    subscription = fixed.get("subscription", draw(subscriptions(product_id=product.id)))
    number = draw(st.integers(1, 100))
    invoice = draw(invoices(product_id=product.id))
    newest = cycles(
        subscription_id=subscription.id,
        number=number + 1,
        invoice_id=invoice.id,
        settled_at=None,
    )
    is_asked = draw(st.booleans())
    is_changing = draw(st.booleans())
    target = draw(policies(product_id=product.id))
    change = tier_changes(
        license_id=subscription.license_id,
        to_policy_id=target.id,
        invoice_id=None,
        applied_at=None,
        withdrawn_at=None,
    )
    made = built(
        BillingFacts,
        {"subscription": subscription} | fixed,
        license=licenses(id=subscription.license_id, product_id=product.id),
        product=st.just(product),
        policy=policies(id=subscription.policy_id, product_id=product.id),
        last_settled=st.none() | cycles(subscription_id=subscription.id, number=number),
        newest=newest if is_asked else st.none(),
        newest_invoice=st.just(invoice) if is_asked else st.none(),
        scheduled=change if is_changing else st.none(),
        target=st.just(target) if is_changing else st.none(),
        saved_with=st.none() | ids().map(InvoiceId),
    )
    return draw(made)


def ended_subscriptions(**fixed: Any) -> SearchStrategy[Ended]:
    """What the end of a subscription writes."""
    return built(
        Ended,
        fixed,
        subscription=subscriptions(),
        license=licenses(),
        event=domain_events(),
        audit=audit_entries(),
    )


def subscription_filters(**fixed: Any) -> SearchStrategy[SubscriptionFilter]:
    """Which subscriptions to list."""
    return built(
        SubscriptionFilter,
        fixed,
        status=st.none() | st.sampled_from(SubscriptionStatus),
        product_id=st.none() | ids().map(ProductId),
        license_id=st.none() | ids().map(LicenseId),
        limit=st.integers(1, SUBSCRIPTIONS_PAGE_MAX),
        offset=st.integers(0, OFFSET_MAX),
    )


@st.composite
def subscription_pages(draw: st.DrawFn, /) -> SubscriptionPage:
    """Pages that hold no more than there is."""
    rows = tuple(draw(st.lists(subscriptions(), max_size=2)))
    return SubscriptionPage(subscriptions=rows, total=len(rows) + draw(st.integers(0, 1_000)))
