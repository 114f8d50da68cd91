"""Validation: what the sold software is told, what is logged, and what is written."""

from typing import Any

import msgspec
import pytest

from keysat_core.domain.activity import ValidationEntry
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import grace_until, key_of, payload_of
from keysat_core.domain.validation import Reason, Refused, Valid
from keysat_core.limits import HEARTBEAT_SECONDS, INSTANT_MAX, SECONDS_MAX
from keysat_core.signing import SigningKey, fingerprint_hash
from keysat_core.signing.license_key import (
    FLAG_FINGERPRINT_BOUND,
    encode_key,
    encode_payload,
)
from keysat_core.testing.clock import START
from keysat_core.use_cases.licenses.change_license_status import revoke_license, suspend_license
from tests.support.builders import make_machine
from tests.support.trade import OPERATOR, Trade, open_trade
from tests.support.watched_store import WatchedStore


def ports(trade: Trade) -> dict[str, Any]:
    return {"store": trade.store, "clock": trade.clock, "ids": trade.ids}


@pytest.fixture
def trade() -> Trade:
    return open_trade()


def logged(trade: Trade) -> ValidationEntry:
    trade.log.flush()
    return trade.log.list_entries(1)[0]


def test_a_valid_key_is_answered_with_the_live_row_and_logged(trade: Trade) -> None:
    policy = trade.put_policy(max_machines=2)
    issued = trade.issue(policy_slug=policy.slug)
    answer = trade.validate(issued.key, "a", product_slug=trade.shop.product.slug)
    assert (answer.product_slug, answer.policy_slug) == (trade.shop.product.slug, policy.slug)
    assert answer.active_machines == 1
    (machine,) = [row.machine for row in trade.machines(issued.license.id)]
    assert logged(trade) == ValidationEntry(
        result="ok",
        license_id=issued.license.id,
        product_id=issued.license.product_id,
        machine_id=machine.id,
        fingerprint_hash=fingerprint_hash("a").hex(),
        client_ip="192.0.2.7",
        user_agent="test/1",
        occurred_at=trade.clock.now(),
    )


def test_a_key_that_cannot_be_read_or_was_not_signed_here_is_a_verdict(trade: Trade) -> None:
    issued = trade.issue()
    stranger = SigningKey.from_seed(bytes(32))
    forged = key_of(issued.license, stranger)
    for key, reason in (("garbage", Reason.BAD_FORMAT), (forged, Reason.BAD_SIGNATURE)):
        answer = trade.validate(key, "a")
        assert answer.verdict == Refused(reason=reason)
        assert (answer.product_slug, answer.active_machines) == (None, None)
        assert logged(trade).result == reason
        assert logged(trade).license_id is None
        assert logged(trade).fingerprint_hash == fingerprint_hash("a").hex()


def test_a_key_whose_license_is_gone_is_not_found(trade: Trade) -> None:
    issued = trade.issue()
    with trade.store.writing() as tx:
        tx.removals.remove_product(trade.shop.product.id)
    assert trade.validate(issued.key).verdict == Refused(reason=Reason.NOT_FOUND)
    assert logged(trade).result == "not_found"


def test_grace_is_told_and_logged_and_ends(trade: Trade) -> None:
    issued = trade.issue(expires_at=START + 10, grace_seconds=5)
    trade.clock.advance(10)
    answer = trade.validate(issued.key)
    assert isinstance(answer.verdict, Valid)
    assert answer.verdict.is_in_grace
    assert logged(trade).detail == "in_grace_period"
    trade.clock.advance(5)
    assert trade.validate(issued.key).verdict == Refused(
        reason=Reason.EXPIRED, license=issued.license
    )
    assert (logged(trade).result, logged(trade).detail) == ("expired", "2027-01-15T08:00:10Z")


def test_a_seated_machine_is_seen_without_a_write_to_the_store(trade: Trade) -> None:
    key = trade.issue(max_machines=2).key
    trade.validate(key, "a")
    watched = WatchedStore(trade.store)
    trade.store = watched
    trade.clock.advance(HEARTBEAT_SECONDS - 1)
    trade.validate(key, "a")
    trade.clock.advance(1)
    trade.validate(key, "a")
    assert watched.steps == []
    (row,) = trade.machines(trade.licenses()[0].id)
    assert row.machine.last_heartbeat_at == trade.clock.now()


def test_a_refusal_opens_no_write_transaction(trade: Trade) -> None:
    key = trade.issue(max_machines=1).key
    trade.validate(key, "a")
    watched = WatchedStore(trade.store)
    trade.store = watched
    assert trade.validate(key, "b").verdict == Refused(
        reason=Reason.FINGERPRINT_MISMATCH, license=trade.licenses()[0]
    )
    assert trade.validate(key, "a", product_slug="other").active_machines == 1
    assert watched.steps == []


def test_a_seat_lost_between_looking_and_writing_is_refused(trade: Trade) -> None:
    """Another machine takes the last seat after the snapshot and before the write."""
    key = trade.issue(max_machines=1).key
    whole = trade.store
    watched = WatchedStore(whole)

    def rival() -> None:
        trade.store = whole
        trade.validate(key, "rival")
        trade.store = watched

    trade.store, watched.before_writing = watched, rival
    answer = trade.validate(key, "late")
    assert isinstance(answer.verdict, Refused)
    assert answer.verdict.reason is Reason.FINGERPRINT_MISMATCH
    assert watched.writes == []
    assert [r.machine.fingerprint for r in trade.machines(trade.licenses()[0].id)] == ["rival"]


def test_a_lock_missing_in_older_data_is_written_when_its_machine_is_seen(trade: Trade) -> None:
    issued = trade.issue(max_machines=1)
    with trade.store.writing() as tx:
        tx.machines.put_machine(make_machine(issued.license, fingerprint="a"))
    assert isinstance(trade.validate(issued.key, "a").verdict, Valid)
    assert trade.license(issued.license.id).fingerprint == "a"


def test_a_lock_alone_vouches_in_older_data_and_writes_nothing(trade: Trade) -> None:
    issued = trade.issue(max_machines=1)
    with trade.store.writing() as tx:
        tx.licenses.put_license(issued.license.bind("a"))
        tx.machines.put_machine(make_machine(issued.license, fingerprint="b"))
    watched = WatchedStore(trade.store)
    trade.store = watched
    assert isinstance(trade.validate(issued.key, "a").verdict, Valid)
    assert watched.steps == []
    assert logged(trade).machine_id is None


@pytest.mark.defects("D23")
def test_a_key_bound_to_another_machine_takes_no_seat(trade: Trade) -> None:
    license = trade.issue(max_machines=0).license
    payload = encode_payload(
        msgspec.structs.replace(
            payload_of(license),
            flags=FLAG_FINGERPRINT_BOUND,
            fingerprint_hash=fingerprint_hash("mine"),
        )
    )
    key = encode_key(payload, trade.keys.signing_key().sign(payload))
    assert trade.validate(key, "other").verdict == Refused(
        reason=Reason.FINGERPRINT_MISMATCH, license=license
    )
    assert trade.activate(key, "other").reason == "fingerprint_mismatch"
    assert trade.machines(license.id) == []
    assert isinstance(trade.validate(key, "mine").verdict, Valid)


def test_a_refusal_is_logged_with_what_an_operator_would_ask_next(trade: Trade) -> None:
    suspended, revoked = trade.issue(), trade.issue()
    suspend_license(OPERATOR, suspended.license.id, reason="unpaid", **ports(trade))
    revoke_license(OPERATOR, revoked.license.id, reason="stolen", **ports(trade))
    single, pair = trade.issue(max_machines=1), trade.issue(max_machines=2)
    for key, machines in ((single.key, "a"), (pair.key, "ab")):
        for machine in machines:
            trade.validate(key, machine)
    slug = trade.shop.product.slug
    for key, product_slug, result, detail in (
        ("garbage", slug, "bad_format", "not a license key: it is not of the form"),
        (suspended.key, slug, "suspended", "unpaid"),
        (revoked.key, slug, "revoked", "stolen"),
        (single.key, slug, "fingerprint_mismatch", "max_machines 1"),
        (pair.key, slug, "too_many_machines", "max_machines 2"),
        (pair.key, "other", "product_mismatch", ""),
    ):
        trade.validate(key, "late", product_slug=product_slug)
        assert logged(trade).result == result
        assert (logged(trade).detail or "").startswith(detail)
        assert bool(logged(trade).detail) is bool(detail)


def test_a_grace_beyond_the_end_of_time_is_told_as_its_last_instant(trade: Trade) -> None:
    issued = trade.issue(expires_at=Instant(INSTANT_MAX - 5), grace_seconds=SECONDS_MAX)
    assert grace_until(issued.license) == INSTANT_MAX
