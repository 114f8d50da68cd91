"""Many licenses issued at once: each as if it were alone, and all of them or none."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.grant import Receiver
from keysat_core.domain.license import License, key_of
from keysat_core.domain.listing import LicenseCounts
from keysat_core.domain.secret import Secret
from keysat_core.errors import Forbidden, InvariantError, NotFound, StoreUnavailable
from keysat_core.limits import INSTANT_MAX, ISSUE_MANY_MAX
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store
from keysat_core.signing import SigningKey
from keysat_core.testing import strategies as values
from keysat_core.testing.clock import START
from keysat_core.testing.ids import SeededIds
from keysat_core.use_cases.licenses.issue_from_table import IssueFromTable, issue_from_table
from keysat_core.use_cases.licenses.issue_license import IssueLicense, issue_license
from keysat_core.use_cases.licenses.issue_licenses import (
    IssuedLicenses,
    IssueLicenses,
    issue_licenses,
)
from keysat_core.use_cases.licenses.list_licenses import count_licenses
from tests.support.tampering import verified_in
from tests.support.trade import OPERATOR, Trade, data_of, open_trade
from tests.support.watched_store import WatchedStore

replace = msgspec.structs.replace


@pytest.fixture
def trade() -> Trade:
    return open_trade()


def issue_many(
    trade: Trade, *, store: Store | None = None, ids: Ids | None = None, **fields: Any
) -> IssuedLicenses:
    given: dict[str, Any] = {"product_slug": trade.shop.product.slug, "count": 2} | fields
    return issue_licenses(
        OPERATOR,
        IssueLicenses(**given),
        store=store or trade.store,
        clock=trade.clock,
        ids=ids or trade.ids,
        keys=trade.keys,
    )


def test_each_license_is_what_it_would_be_alone(trade: Trade) -> None:
    policy = trade.put_policy(duration_seconds=100, max_machines=5, entitlements=("pro",))
    fields: dict[str, Any] = {
        "policy_slug": policy.slug,
        "grace_seconds": 7,
        "buyer_email": " a@b.example ",
        "nostr_npub": "npub1",
        "note": " press ",
    }
    alone = trade.issue(**fields).license
    issued = issue_many(trade, count=3, **fields)
    assert len({license.id for license in issued.licenses}) == 3
    for license, key in zip(issued.licenses, issued.keys, strict=True):
        assert license == replace(alone, id=license.id) == trade.license(license.id)
        assert key == key_of(license, trade.keys.signing_key())
        assert trade.validate(key).verdict == replace(trade.validate(key).verdict, license=license)


def test_each_license_is_audited_and_told_as_if_it_were_alone(trade: Trade) -> None:
    trade.issue(entitlements=("pro",), expires_at=START + 60)
    issued = issue_many(trade, count=3, entitlements=("pro",), expires_at=START + 60)
    alone, *audits = trade.audits("license.issue_manual")
    assert audits == [replace(alone, target_id=license.id) for license in issued.licenses]
    first, *events = trade.events("license.issued")
    assert [data_of(event) for event in events] == [
        data_of(first) | {"license_id": license.id} for license in issued.licenses
    ]
    assert len({event.id for event in events}) == 3
    assert not any(key in str(trade.trail()) for key in issued.keys)
    assert verified_in(trade.store) == []


def test_all_are_written_in_one_transaction(trade: Trade) -> None:
    watched = WatchedStore(trade.store)
    issue_many(trade, count=3, store=watched)
    assert watched.steps == [
        "add_licenses",
        "append_audits",
        "append_events",
        "commit",
        "committed",
    ]


def test_each_receiver_gets_one_in_order(trade: Trade) -> None:
    receivers = (
        Receiver(buyer_email=" Ada@Example.com", note="one"),
        Receiver(nostr_npub="npub1"),
        Receiver(buyer_email="bob@example.com", note=" "),
    )
    issued = issue_many(trade, count=3, receivers=receivers, buyer_email="ignored@example.com")
    assert [(one.buyer_email, one.nostr_npub, one.metadata) for one in issued.licenses] == [
        ("Ada@Example.com", None, {"source": "admin_issue", "note": "one"}),
        (None, "npub1", {"source": "admin_issue"}),
        ("bob@example.com", None, {"source": "admin_issue"}),
    ]
    assert [trade.license(one.id) for one in issued.licenses] == list(issued.licenses)


@pytest.mark.parametrize(
    "fields",
    [
        {"count": 0},
        {"count": -1},
        {"count": ISSUE_MANY_MAX + 1},
        {"receivers": (Receiver(),)},
        {"receivers": (Receiver(), Receiver(buyer_email="x" * 321))},
        {"receivers": (Receiver(), Receiver(note="\0"))},
        {"max_machines": -1},
        {"expires_at": INSTANT_MAX + 1},
        {"entitlements": ("x",) * 256},
        {"note": "x" * 2_001},
    ],
)
def test_one_broken_rule_and_none_is_issued(trade: Trade, fields: dict[str, Any]) -> None:
    with pytest.raises(InvariantError):
        issue_many(trade, **fields)
    assert trade.licenses() == []
    assert trade.trail() == ([], [])


def test_a_collision_of_ids_leaves_nothing_behind(trade: Trade) -> None:
    class Repeating:
        def new(self) -> str:
            return SeededIds().new()

    with pytest.raises(StoreUnavailable):
        issue_many(trade, ids=Repeating())
    assert trade.licenses() == []
    assert trade.trail() == ([], [])


def test_what_does_not_exist_is_not_found(trade: Trade) -> None:
    unknown: list[dict[str, Any]] = [{"product_slug": "unknown"}, {"policy_slug": "unknown"}]
    for fields in unknown:
        with pytest.raises(NotFound):
            issue_many(trade, **fields)


def test_nobody_without_the_scope_issues_any(trade: Trade) -> None:
    command = IssueLicenses(product_slug=trade.shop.product.slug, count=2)
    with pytest.raises(Forbidden):
        issue_licenses(
            replace(OPERATOR, scopes=frozenset()),
            command,
            store=trade.store,
            clock=trade.clock,
            ids=trade.ids,
            keys=trade.keys,
        )
    assert trade.licenses() == []


def test_a_tier_changed_while_keys_are_signed_counts_as_it_is_at_issue(trade: Trade) -> None:
    policy = trade.put_policy(max_machines=1)

    def change() -> None:
        with trade.store.writing() as tx:
            tx.policies.put_policy(replace(policy, max_machines=9, entitlements=("late",)))

    watched = WatchedStore(trade.store)
    watched.before_writing = change
    issued = issue_many(trade, store=watched, policy_slug=policy.slug)
    for license, key in zip(issued.licenses, issued.keys, strict=True):
        assert (license.max_machines, license.entitlements) == (9, ("late",))
        assert key == key_of(trade.license(license.id), trade.keys.signing_key())


def test_a_key_imported_while_licenses_are_issued_signs_them(trade: Trade) -> None:
    replaced = trade.keys.signing_key()
    seeds = iter(range(1, 4))

    def watched() -> WatchedStore:
        store = WatchedStore(trade.store)
        store.before_writing = exchange
        return store

    def exchange() -> None:
        new = SigningKey.from_seed(bytes([next(seeds)]) * 32)
        with trade.store.writing() as tx:
            pem = Secret(new.to_pem())
            tx.settings.replace_signing_key_pem(pem, new.verify_key.to_pem(), trade.clock.now())
        trade.keys.reload()

    def is_current(license: License, key: str) -> bool:
        return key == key_of(license, trade.keys.signing_key())

    slug = trade.shop.product.slug
    ports: dict[str, Any] = {"clock": trade.clock, "ids": trade.ids, "keys": trade.keys}
    one = issue_license(OPERATOR, IssueLicense(product_slug=slug), store=watched(), **ports)
    assert is_current(one.license, one.key)
    many = issue_many(trade, store=watched())
    assert all(map(is_current, many.licenses, many.keys))
    table = IssueFromTable(csv=f"product_slug,quantity\n{slug},2")
    (row,) = issue_from_table(OPERATOR, table, store=watched(), **ports).rows
    assert all(is_current(*issued) for issued in row.issued)
    assert len(trade.licenses()) == 5
    assert trade.keys.signing_key() != replaced


def test_more_than_memory_should_hold_is_refused_before_it_is_made(trade: Trade) -> None:
    large = tuple(f"{number:03}" * 85 for number in range(255))
    with pytest.raises(InvariantError, match="fewer entitlements"):
        issue_many(trade, count=1_100, entitlements=large)
    assert trade.licenses() == []
    assert len(issue_many(trade, count=2, entitlements=large).keys) == 2


def test_a_tier_deleted_while_keys_are_signed_is_not_found(trade: Trade) -> None:
    policy = trade.put_policy()

    def delete() -> None:
        with trade.store.writing() as tx:
            tx.removals.remove_policy(policy.id)

    watched = WatchedStore(trade.store)
    watched.before_writing = delete
    with pytest.raises(NotFound):
        issue_many(trade, store=watched, policy_slug=policy.slug)
    assert trade.licenses() == []


@given(
    receivers=st.lists(
        st.builds(
            Receiver,
            buyer_email=st.none() | values.emails(),
            nostr_npub=st.none() | values.names(),
            note=st.none() | values.names(),
        ),
        min_size=1,
        max_size=6,
    ),
    terms=st.fixed_dictionaries(
        {
            "max_machines": st.none() | st.integers(0, 9),
            "is_trial": st.none() | st.booleans(),
            "entitlements": st.none() | st.just(("pro",)),
        }
    ),
)
def test_many_at_once_are_the_same_as_one_by_one(
    receivers: list[Receiver], terms: dict[str, Any]
) -> None:
    trade = open_trade()
    at_once = issue_many(trade, count=len(receivers), receivers=tuple(receivers), **terms)
    one_by_one = [trade.issue(**terms, **msgspec.structs.asdict(one)) for one in receivers]
    assert list(at_once.licenses) == [
        replace(one.license, id=license.id)
        for one, license in zip(one_by_one, at_once.licenses, strict=True)
    ]
    assert count_licenses(OPERATOR, store=trade.store) == LicenseCounts(
        by_product={trade.shop.product.id: 2 * len(receivers)}, by_policy={}
    )
    assert len(trade.audits()) == len(trade.events()) == 2 * len(receivers)
    assert verified_in(trade.store) == []


def test_how_many_are_signed_is_told_up_to_the_last(trade: Trade) -> None:
    told: list[tuple[int, int]] = []
    issue_licenses(
        OPERATOR,
        IssueLicenses(product_slug=trade.shop.product.slug, count=600),
        store=trade.store,
        clock=trade.clock,
        ids=trade.ids,
        keys=trade.keys,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == sorted(told)
    assert told[-1] == (600, 600)
    assert len(told) > 2
