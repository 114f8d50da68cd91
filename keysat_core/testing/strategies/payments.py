"""Payment providers: what we ask of one and what it says; and its webhooks as we keep them."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.money import Currency
from keysat_core.domain.payment import (
    InvoiceOrder,
    LightningPayment,
    LightningStatus,
    ProviderInvoice,
    ProviderNotice,
    ProviderReport,
    ProviderStatus,
    Rail,
)
from keysat_core.domain.receipt import DueReceipt, ReceiptOutcome, WebhookReceipt
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.money import money
from keysat_core.testing.strategies.text import emails, names, texts


def invoice_orders(**fixed: Any) -> SearchStrategy[InvoiceOrder]:
    """What a provider is asked to collect, in sats."""
    return built(
        InvoiceOrder,
        fixed,
        invoice_id=ids().map(InvoiceId),
        price=money(Currency.SAT),
        redirect_url=texts(),
        metadata=st.dictionaries(texts(), texts(), max_size=4),
        rail=st.none() | st.sampled_from(Rail),
        buyer_email=st.none() | emails(),
        saves_payment_method=st.booleans(),
        pays_within_seconds=st.none() | st.integers(60, 30 * 86_400),
    )


def provider_invoices(**fixed: Any) -> SearchStrategy[ProviderInvoice]:
    """Invoices as a provider creates them."""
    return built(
        ProviderInvoice,
        fixed,
        provider_invoice_id=names(),
        checkout_url=names().map("https://pay.example/".__add__),
    )


def provider_reports(**fixed: Any) -> SearchStrategy[ProviderReport]:
    """Whatever a provider may say, contradictions included: nothing may rely on its sense."""
    return built(
        ProviderReport,
        fixed,
        status=st.sampled_from(ProviderStatus),
        is_processing=st.booleans(),
        is_overpaid=st.booleans(),
        is_paid_late=st.booleans(),
        is_late_final=st.booleans(),
        marked_by_hand=st.booleans(),
        price=st.none() | money(),
        paid=st.none() | money(),
        raw_status=texts(),
        doubted_after=st.none() | texts(),
    )


def provider_notices(**fixed: Any) -> SearchStrategy[ProviderNotice]:
    """Authentic webhooks as read."""
    return built(
        ProviderNotice,
        fixed,
        type=texts(),
        provider_invoice_id=st.none() | names(),
        delivery_id=st.none() | names(),
        original_delivery_id=st.none() | names(),
        claim=st.none() | st.sampled_from(ProviderStatus),
    )


def lightning_payments(**fixed: Any) -> SearchStrategy[LightningPayment]:
    """What became of lightning payments."""
    return built(
        LightningPayment,
        fixed,
        status=st.sampled_from(LightningStatus),
        payment_hash=st.none() | texts(),
        detail=texts(),
    )


def receipts(**fixed: Any) -> SearchStrategy[WebhookReceipt]:
    """Webhook receipts with every outcome, without an invoice of ours unless given."""
    return built(
        WebhookReceipt,
        {"invoice_id": None} | fixed,
        id=ids(),
        provider_account_id=ids().map(ProviderAccountId),
        type=texts(),
        provider_invoice_id=st.none() | texts(),
        delivery_id=st.none() | texts(),
        original_delivery_id=st.none() | texts(),
        claim=st.none() | st.sampled_from(ProviderStatus),
        outcome=st.sampled_from(ReceiptOutcome),
        looks=st.integers(0, 100),
        next_look_at=st.none() | instants(),
        received_at=instants(),
    )


def due_receipts(**fixed: Any) -> SearchStrategy[DueReceipt]:
    """Receipts whose invoice is to be looked at."""
    return built(DueReceipt, fixed, id=ids(), provider_account_id=ids().map(ProviderAccountId))
