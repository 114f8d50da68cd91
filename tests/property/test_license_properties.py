"""Licenses: standing, transitions, and the key a row stands for (lifecycles 2)."""

from typing import Any, assert_never

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keysat_core.domain.instant import Instant
from keysat_core.domain.license import (
    TRANSITIONS,
    License,
    LicenseEvent,
    LicenseStatus,
    Reinstate,
    Revoke,
    Standing,
    Suspend,
    advance,
    grace_until,
    key_of,
    payload_of,
    standing,
    with_terms,
)
from keysat_core.domain.policy import Terms
from keysat_core.errors import IllegalTransition, InvariantError
from keysat_core.limits import SEATS_MAX, SECONDS_MAX
from keysat_core.signing import SigningKey, Verifier
from keysat_core.testing import strategies
from keysat_core.use_cases.policies.update_policy import UpdatePolicy, update_policy
from tests.support.builders import make_license
from tests.support.trade import OPERATOR, PATRON, open_trade

SIGNER = SigningKey.from_seed(bytes(32))
NOW = Instant(1_900_000_000)

instants = st.integers(1, 4_000_000_000).map(Instant)
reasons = st.text(max_size=8)
events: st.SearchStrategy[LicenseEvent] = st.one_of(
    st.builds(Suspend, reason=reasons), st.builds(Reinstate), st.builds(Revoke, reason=reasons)
)
slugs = st.text("abc_", min_size=1, max_size=6)
licenses = st.builds(
    make_license,
    status=st.sampled_from(LicenseStatus),
    issued_at=instants,
    expires_at=st.none() | instants,
    grace_seconds=st.just(0) | st.integers(0, SECONDS_MAX),
    max_machines=st.integers(0, 5),
    is_trial=st.booleans(),
    entitlements=st.lists(slugs, max_size=4).map(tuple),
    fingerprint=st.none() | st.text(max_size=8),
    buyer_email=st.none() | st.emails(),
)

# Every field of a row that the key does not carry, with another value for it.
BESIDE_THE_KEY: dict[str, Any] = {
    "policy_id": "p",
    "invoice_id": "i",
    "status": LicenseStatus.REVOKED,
    "grace_seconds": 7,
    "max_machines": 9,
    "fingerprint": "machine",
    "buyer_email": "someone@example.com",
    "nostr_npub": "npub1",
    "bound_identity": "x",
    "metadata": {"note": "x"},
    "suspended_at": NOW,
    "suspension_reason": "x",
    "revoked_at": NOW,
    "revocation_reason": "x",
}


def test_every_field_of_a_license_is_either_in_its_key_or_named_beside_it() -> None:
    in_the_key = {"id", "product_id", "issued_at", "expires_at", "is_trial", "entitlements"}
    assert in_the_key | set(BESIDE_THE_KEY) == set(License.__struct_fields__)


@given(licenses, instants)
def test_exactly_one_standing_holds_for_any_license_at_any_instant(
    license: License, now: Instant
) -> None:
    cutoff = None if license.expires_at is None else license.expires_at + license.grace_seconds
    is_active = license.status is LicenseStatus.ACTIVE
    claims = {
        Standing.REVOKED: license.status is LicenseStatus.REVOKED,
        Standing.SUSPENDED: license.status is LicenseStatus.SUSPENDED,
        Standing.EXPIRED: is_active and cutoff is not None and now >= cutoff,
        Standing.GRACE: is_active
        and license.expires_at is not None
        and cutoff is not None
        and license.expires_at <= now < cutoff,
        Standing.VALID: is_active and (license.expires_at is None or now < license.expires_at),
    }
    assert [state for state, holds in claims.items() if holds] == [standing(license, now)]


@given(instants, st.integers(1, SECONDS_MAX))
def test_grace_begins_at_the_expiry_and_has_ended_at_the_cutoff(
    expires_at: Instant, grace: int
) -> None:
    license = make_license(expires_at=expires_at, grace_seconds=grace)
    assert standing(license, Instant(expires_at - 1)) is Standing.VALID
    assert standing(license, expires_at) is Standing.GRACE
    assert standing(license, Instant(expires_at + grace - 1)) is Standing.GRACE
    assert standing(license, Instant(expires_at + grace)) is Standing.EXPIRED
    assert grace_until(license) == expires_at + grace


@given(instants, st.integers(-5, 5))
def test_a_license_without_grace_never_reports_grace(expires_at: Instant, offset: int) -> None:
    license = make_license(expires_at=expires_at, grace_seconds=0)
    expected = Standing.VALID if offset < 0 else Standing.EXPIRED
    assert standing(license, Instant(expires_at + offset)) is expected


@given(instants)
def test_a_perpetual_license_is_always_valid(now: Instant) -> None:
    license = make_license(expires_at=None, grace_seconds=5)
    assert standing(license, now) is Standing.VALID
    assert grace_until(license) is None


@given(licenses, st.lists(events, max_size=12))
def test_a_revoked_license_stays_revoked_under_any_sequence_of_events(
    license: License, sequence: list[LicenseEvent]
) -> None:
    revoked = msgspec.structs.replace(license, status=LicenseStatus.REVOKED)
    for event in sequence:
        with pytest.raises(IllegalTransition):
            advance(revoked, event, now=NOW)
    assert standing(revoked, NOW) is Standing.REVOKED


@given(licenses, events)
def test_every_state_takes_every_event_by_the_table_or_refuses_it(
    license: License, event: LicenseEvent
) -> None:
    step = (license.status, type(event))
    if step not in TRANSITIONS:
        with pytest.raises(IllegalTransition) as refused:
            advance(license, event, now=NOW)
        assert (refused.value.machine, refused.value.state) == ("license", license.status)
        return
    after = advance(license, event, now=NOW)
    assert after.status is TRANSITIONS[step]
    changed = {f for f in License.__struct_fields__ if getattr(after, f) != getattr(license, f)}
    match event:
        case Suspend(reason=reason):
            assert (after.suspended_at, after.suspension_reason) == (NOW, reason)
            assert changed <= {"status", "suspended_at", "suspension_reason"}
        case Reinstate():
            assert (after.suspended_at, after.suspension_reason) == (None, None)
            assert changed <= {"status", "suspended_at", "suspension_reason"}
        case Revoke(reason=reason):
            assert (after.revoked_at, after.revocation_reason) == (NOW, reason)
            assert changed <= {"status", "revoked_at", "revocation_reason"}
        case _:
            assert_never(event)


def test_the_table_of_transitions_is_the_one_of_the_specification() -> None:
    words = {(state.value, event.__name__, to.value) for (state, event), to in TRANSITIONS.items()}
    assert words == {
        ("active", "Suspend", "suspended"),
        ("suspended", "Reinstate", "active"),
        ("active", "Revoke", "revoked"),
        ("suspended", "Revoke", "revoked"),
    }


@given(licenses, reasons)
def test_lifting_a_suspension_gives_back_the_license_as_it_was(
    license: License, reason: str
) -> None:
    active = msgspec.structs.replace(license, status=LicenseStatus.ACTIVE)
    suspended = advance(active, Suspend(reason=reason), now=NOW)
    assert advance(suspended, Reinstate(), now=Instant(NOW + 9)) == active


@given(licenses)
def test_the_payload_of_a_key_depends_on_nothing_beside_the_row_s_own_terms(
    license: License,
) -> None:
    for field, value in BESIDE_THE_KEY.items():
        changed = msgspec.structs.replace(license, **{field: value})
        assert payload_of(changed) == payload_of(license)


@settings(max_examples=50)
@given(licenses)
def test_a_key_verifies_and_says_what_the_row_says(license: License) -> None:
    key = key_of(license, SIGNER)
    assert key == key_of(license, SIGNER)
    payload = Verifier(SIGNER.verify_key).verify(key).payload
    assert payload == payload_of(license)
    assert (payload.license_id, payload.product_id) == (license.id, license.product_id)
    assert (payload.issued_at, payload.expires_at) == (license.issued_at, license.expires_at or 0)
    assert (payload.is_trial, payload.entitlements) == (license.is_trial, license.entitlements)
    assert not payload.is_fingerprint_bound


@given(
    licenses,
    st.builds(
        Terms,
        seconds=st.integers(0, SECONDS_MAX),
        grace_seconds=st.integers(0, SECONDS_MAX),
        max_machines=st.integers(0, SEATS_MAX),
        is_trial=st.booleans(),
        entitlements=strategies.entitlements(),
    ),
    instants,
)
def test_issuing_copies_every_term_and_touches_nothing_else(
    license: License, terms: Terms, now: Instant
) -> None:
    issued = with_terms(license, terms, now)
    assert issued.expires_at == (now + terms.seconds if terms.seconds else None)
    assert (issued.grace_seconds, issued.max_machines) == (terms.grace_seconds, terms.max_machines)
    assert (issued.is_trial, issued.entitlements) == (terms.is_trial, terms.entitlements)
    assert (issued.id, issued.fingerprint) == (license.id, license.fingerprint)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "not-a-uuid"),
        ("product_id", "A" * 36),
        ("grace_seconds", -1),
        ("grace_seconds", SECONDS_MAX + 1),
        ("max_machines", -1),
        ("max_machines", SEATS_MAX + 1),
        ("entitlements", ("x" * 256,)),
        ("entitlements", ("x",) * 256),
    ],
)
def test_a_license_that_could_not_be_a_key_does_not_exist(field: str, value: Any) -> None:
    with pytest.raises(InvariantError):
        make_license(**{field: value})


@settings(max_examples=25, deadline=None)
@given(
    duration=st.integers(0, 10_000),
    seats=st.integers(0, 5),
    entitlements=st.lists(slugs, max_size=3).map(tuple),
    price=st.integers(0, 10_000),
)
def test_editing_a_policy_never_changes_an_existing_license(
    duration: int, seats: int, entitlements: tuple[str, ...], price: int
) -> None:
    trade = open_trade()
    policy = trade.put_policy(duration_seconds=77, entitlements=("before",), max_machines=2)
    issued = trade.issue(policy_slug=policy.slug)
    invoice = trade.sell(policy_slug=policy.slug)
    trade.provider.pay(invoice.id)
    trade.settle(invoice.id)
    before = trade.licenses()
    changes = UpdatePolicy(
        policy_id=policy.id,
        duration_seconds=duration,
        max_machines=seats,
        entitlements=entitlements,
        price_sats_override=price,
        is_trial=True,
    )
    update_policy(
        OPERATOR,
        changes,
        store=trade.store,
        clock=trade.clock,
        ids=trade.ids,
        self_license=PATRON,
    )
    assert trade.licenses() == before
    assert len(before) == 2
    assert key_of(trade.license(issued.license.id), trade.keys.signing_key()) == issued.key
