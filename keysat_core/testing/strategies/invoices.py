"""Invoices and what may happen to one."""

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.idempotency import IdempotencyRecord, KeptRequest, RequestKey
from keysat_core.domain.ids import InvoiceId, ProductId
from keysat_core.domain.invoice import (
    Attention,
    Expire,
    Invalidate,
    Invoice,
    InvoiceEvent,
    InvoiceStatus,
    Settle,
    SettledBy,
)
from keysat_core.domain.money import Currency
from keysat_core.domain.payment import Rail
from keysat_core.limits import IDEMPOTENCY_KEY_CHARS_MIN
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.money import amounts
from keysat_core.testing.strategies.text import digests, emails, texts

STORED_ATTENTION: Final = [each for each in Attention if each is not Attention.WITHOUT_EFFECT]
"""What a row may carry; the rest follows from the row."""


def invoices(**fixed: Any) -> SearchStrategy[Invoice]:
    """Invoices in every state, without policy or provider unless given."""
    return built(
        Invoice,
        fixed,
        id=ids().map(InvoiceId),
        product_id=ids().map(ProductId),
        status=st.sampled_from(InvoiceStatus),
        amount_sats=amounts(),
        base_price_sats=amounts(),
        listed_currency=st.none() | st.sampled_from(Currency),
        listed_value=st.none() | amounts(),
        exchange_rate_centibps=st.none() | amounts(),
        exchange_rate_source=st.none() | texts(),
        buyer_email=st.none() | emails(),
        buyer_note=st.none() | texts(),
        rail=st.none() | st.sampled_from(Rail),
        redirect_url=texts(),
        provider_invoice_id=st.none() | texts(),
        provider_status_raw=st.none() | texts(),
        checkout_url=texts(),
        created_at=instants(),
        updated_at=instants(),
        settled_at=st.none() | instants(),
        effect_at=st.none() | instants(),
        last_checked_at=st.none() | instants(),
        settled_by=st.none() | st.sampled_from(SettledBy),
        noted_attention=st.none() | st.sampled_from(STORED_ATTENTION),
        held_at=st.none() | instants(),
    )


def settles() -> SearchStrategy[Settle]:
    """The payment is confirmed."""
    return st.builds(Settle)


def expires() -> SearchStrategy[Expire]:
    """The time to pay has passed."""
    return st.builds(Expire)


def invalidates() -> SearchStrategy[Invalidate]:
    """The invoice will never be paid."""
    return st.builds(Invalidate)


def invoice_events() -> SearchStrategy[InvoiceEvent]:
    """Whatever may happen to an invoice, in any state."""
    return st.one_of(settles(), expires(), invalidates())


def idempotency_records(**fixed: Any) -> SearchStrategy[IdempotencyRecord]:
    """What is remembered of a request that carried an Idempotency-Key."""
    return built(
        IdempotencyRecord,
        fixed,
        key=texts(chars_min=IDEMPOTENCY_KEY_CHARS_MIN),
        request_digest=digests(),
        invoice_id=ids().map(InvoiceId),
        created_at=instants(),
    )


def request_keys(**fixed: Any) -> SearchStrategy[RequestKey]:
    """An Idempotency-Key of an operator's request."""
    return built(
        RequestKey,
        fixed,
        actor_hash=digests(),
        operation=st.sampled_from(["issue_license", "create_product"]),
        key=st.uuids(version=4).map(str) | st.text("0123456789abcdef-", min_size=1, max_size=40),
    )


def kept_requests(**fixed: Any) -> SearchStrategy[KeptRequest]:
    """An operator's request that took effect, before or after it was answered."""
    answer = st.none() | st.tuples(st.sampled_from([200, 409, 502]), st.binary(min_size=40))
    return answer.flatmap(
        lambda answer: built(
            KeptRequest,
            fixed,
            key=request_keys(),
            request_digest=digests(),
            created_at=instants(),
            status=st.just(answer[0] if answer else None),
            sealed_body=st.just(answer[1] if answer else None),
        )
    )
