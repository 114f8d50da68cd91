"""Who asks, and what is noted of it."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.activity import ValidationEntry
from keysat_core.domain.actor import Actor, ActorKind, Scope
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.payment import RAIL_ALIASES
from keysat_core.domain.validation import Reason
from keysat_core.limits import IDEMPOTENCY_KEY_CHARS_MIN
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.text import (
    addresses,
    digests,
    emails,
    names,
    objects,
    slugs,
    texts,
)


def actors(**fixed: Any) -> SearchStrategy[Actor]:
    """Callers of every kind, with any scopes."""
    return built(
        Actor,
        fixed,
        kind=st.sampled_from(ActorKind),
        id=st.none() | ids(),
        api_key_id=st.none() | ids(),
        hash=st.none() | digests(),
        scopes=st.frozensets(st.sampled_from(Scope)),
        request_ip=st.none() | addresses(),
        user_agent=st.none() | texts(),
        request_id=st.none() | names(),
    )


def buyer_requests(**fixed: Any) -> SearchStrategy[BuyerRequest]:
    """Purchases as asked for, blank fields included; ``checked_request`` accepts them."""
    return built(
        BuyerRequest,
        fixed,
        product_slug=slugs(),
        policy_slug=st.none() | st.just("") | slugs(),
        code=st.none() | texts(),
        buyer_email=st.none() | emails(),
        buyer_note=st.none() | texts(),
        redirect_url=st.none() | slugs().map("https://app.example/".__add__),
        rail=st.none() | st.sampled_from(sorted(RAIL_ALIASES)) | names(),
        idempotency_key=st.none()
        | st.text("0123456789abcdef-", min_size=IDEMPOTENCY_KEY_CHARS_MIN, max_size=40),
    )


def audit_entries(**fixed: Any) -> SearchStrategy[AuditEntry]:
    """Mutations by anybody of anything."""
    dotted = st.tuples(slugs(), slugs()).map(".".join)
    return built(
        AuditEntry,
        fixed,
        actor_kind=st.sampled_from(ActorKind).map(str),
        actor_hash=st.none() | digests(),
        action=dotted,
        target_kind=st.none() | slugs(),
        target_id=st.none() | ids(),
        request_ip=st.none() | addresses(),
        user_agent=st.none() | texts(),
        request_id=st.none() | names(),
        details=objects(),
        occurred_at=instants(),
    )


def validation_entries(**fixed: Any) -> SearchStrategy[ValidationEntry]:
    """Entries of the validation log with every outcome."""
    return built(
        ValidationEntry,
        fixed,
        result=st.sampled_from(["ok", *map(str, Reason)]),
        license_id=st.none() | ids(),
        product_id=st.none() | ids(),
        machine_id=st.none() | ids(),
        fingerprint_hash=st.none() | digests(),
        client_ip=st.none() | addresses(),
        user_agent=st.none() | texts(),
        detail=st.none() | texts(),
        occurred_at=instants(),
    )
