"""What a change of tier depends on, what it costs, and who asks for it."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.ids import InvoiceId, LicenseId, TierChangeId
from keysat_core.domain.tier_change import ChangeActor, Direction
from keysat_core.domain.tier_comp import TierLoss
from keysat_core.domain.tier_order import NewOrder
from keysat_core.domain.tier_quote import NEXT_CYCLE, TierFacts, TierQuote
from keysat_core.domain.tier_request import AT_ONCE, ChangeRequest, UpgradeRequest
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.invoices import invoices
from keysat_core.testing.strategies.licenses import licenses
from keysat_core.testing.strategies.merchants import provider_accounts, rail_preferences
from keysat_core.testing.strategies.money import money
from keysat_core.testing.strategies.policies import policies
from keysat_core.testing.strategies.products import entitlements, products
from keysat_core.testing.strategies.subscriptions import cycles, subscriptions
from keysat_core.testing.strategies.text import names, slugs
from keysat_core.testing.strategies.tier_changes import tier_changes


@st.composite
def tier_facts(draw: st.DrawFn, /, **fixed: Any) -> TierFacts:
    """A license as it stands: its product, tier and subscription belong together."""
    current = fixed.get("current", draw(st.none() | policies()))
    product_id = current.product_id if current is not None else draw(products()).id
    license = fixed.get("license") or draw(
        licenses(product_id=product_id, policy_id=current.id if current is not None else None)
    )
    subscription = subscriptions(license_id=license.id, product_id=license.product_id)
    made = built(
        TierFacts,
        {"license": license, "current": current} | fixed,
        product=products(id=license.product_id),
        subscription=st.none() | subscription,
        open_cycle=st.none() | cycles(settled_at=None, superseded_at=None),
        scheduled=st.none() | tier_changes(license_id=license.id, invoice_id=None),
        # Of the sale only what it was listed at and who collected counts; the rest would be too much.
        original=st.none()
        | invoices(redirect_url="", checkout_url="", provider_status_raw=None, held_at=None),
        recorded=st.none() | provider_accounts(),
        accounts=st.lists(provider_accounts(), max_size=2).map(tuple),
        preferences=st.lists(rail_preferences(), max_size=2).map(tuple),
        seats_taken=st.integers(0, 100),
    )
    return draw(made)


def tier_quotes(**fixed: Any) -> SearchStrategy[TierQuote]:
    """What a change costs."""
    return built(
        TierQuote,
        fixed,
        source=policies(),
        target=policies(),
        direction=st.sampled_from(Direction),
        charge=money(),
        effective_at=st.none() | instants(),
        next_charge=st.none() | money(),
        next_period_days=st.none() | st.integers(1, 1_830),
    )


def tier_losses(**fixed: Any) -> SearchStrategy[TierLoss]:
    """What a license loses by a change."""
    return built(
        TierLoss,
        fixed,
        entitlements=entitlements(),
        seats_taken=st.integers(0, 100),
        seats_max=st.integers(0, 100),
        seats_over=st.integers(0, 100),
        ends_subscription=st.booleans(),
    )


def new_orders(**fixed: Any) -> SearchStrategy[NewOrder]:
    """Ids and addresses of an order."""
    return built(
        NewOrder,
        fixed,
        change_id=ids().map(TierChangeId),
        invoice_id=ids().map(InvoiceId),
        redirect_url=slugs().map("https://shop.example/".__add__),
        asker=st.sampled_from(ChangeActor),
        reason=st.none() | names(),
    )


def upgrade_requests(**fixed: Any) -> SearchStrategy[UpgradeRequest]:
    """What buyers ask for."""
    return built(
        UpgradeRequest,
        fixed,
        license_key=names(),
        target_slug=slugs(),
        redirect_url=st.none() | slugs().map("https://shop.example/".__add__),
        apply_at=st.sampled_from([None, AT_ONCE, NEXT_CYCLE]),
    )


def change_requests(**fixed: Any) -> SearchStrategy[ChangeRequest]:
    """What operators ask for."""
    return built(
        ChangeRequest,
        fixed,
        license_id=ids().map(LicenseId),
        target_slug=slugs(),
        reason=st.none() | names(),
        apply_at=st.sampled_from([None, AT_ONCE, NEXT_CYCLE]),
    )
