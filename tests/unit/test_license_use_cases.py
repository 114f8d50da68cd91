"""Licenses: issued by hand, suspended, revoked, listed, and asked about by the sold software."""

from typing import Any

import msgspec
import pytest

from keysat_core.domain.ids import LicenseId
from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.license import License, LicenseStatus, key_of
from keysat_core.domain.listing import LicenseCounts, LicenseFilter
from keysat_core.domain.validation import Reason, Refused, Valid
from keysat_core.errors import InvariantError, NotFound
from keysat_core.limits import INSTANT_MAX, REASON_CHARS_MAX
from keysat_core.testing.clock import START
from keysat_core.use_cases.licenses.change_license_status import (
    ChangedLicense,
    reinstate_license,
    revoke_license,
    suspend_license,
)
from keysat_core.use_cases.licenses.list_licenses import (
    count_licenses,
    list_licenses,
    show_license,
    summarize_licenses,
    summarize_revenue,
)
from tests.support.builders import make_product
from tests.support.trade import OPERATOR, Trade, data_of, open_trade


@pytest.fixture
def trade() -> Trade:
    return open_trade()


# --- issue --------------------------------------------------------------------------------------


def test_without_a_policy_the_defaults_hold(trade: Trade) -> None:
    license = trade.issue().license
    assert (license.policy_id, license.invoice_id, license.expires_at) == (None, None, None)
    assert (license.grace_seconds, license.max_machines, license.is_trial) == (0, 1, False)
    assert (license.entitlements, license.metadata) == ((), {"source": "admin_issue"})
    assert trade.license(license.id) == license


def test_an_explicit_value_wins_over_the_policy_and_the_policy_over_the_defaults(
    trade: Trade,
) -> None:
    policy = trade.put_policy(
        duration_seconds=100,
        grace_seconds=10,
        max_machines=5,
        is_trial=True,
        entitlements=("pro",),
        active=False,
        public=False,
        archived_at=1,
        is_recurring=True,
        renewal_period_days=30,
        trial_days=7,
    )
    by_policy = trade.issue(policy_slug=policy.slug).license
    assert by_policy.expires_at == trade.clock.now() + 100
    assert (by_policy.grace_seconds, by_policy.max_machines) == (10, 5)
    assert (by_policy.is_trial, by_policy.entitlements) == (True, ("pro",))
    assert by_policy.policy_id == policy.id
    explicit = trade.issue(
        policy_slug=policy.slug,
        expires_at=START - 5,
        grace_seconds=0,
        max_machines=0,
        is_trial=False,
        entitlements=(),
    ).license
    assert (explicit.expires_at, explicit.grace_seconds, explicit.max_machines) == (START - 5, 0, 0)
    assert (explicit.is_trial, explicit.entitlements) == (False, ())


def test_an_issued_license_is_audited_and_told_with_its_key_shown_once(trade: Trade) -> None:
    issued = trade.issue(
        entitlements=("pro",),
        buyer_email=" b@example.com ",
        nostr_npub="npub1",
        note=" for a friend ",
        expires_at=START + 60,
    )
    license = issued.license
    assert issued.key == key_of(license, trade.keys.signing_key())
    assert (license.buyer_email, license.nostr_npub) == ("b@example.com", "npub1")
    assert license.metadata == {"source": "admin_issue", "note": "for a friend"}
    (audit,) = trade.audits("license.issue_manual")
    assert audit.target_id == license.id
    assert audit.details["expires_at"] == "2027-01-15T08:01:00Z"
    (event,) = trade.events("license.issued")
    assert data_of(event) == {
        "license_id": license.id,
        "product_id": license.product_id,
        "invoice_id": None,
        "policy_id": None,
        "is_trial": False,
        "expires_at": "2027-01-15T08:01:00Z",
        "entitlements": ["pro"],
        "source": "admin_issue",
    }
    assert issued.key not in str(trade.trail())


@pytest.mark.parametrize(
    "fields",
    [
        {"max_machines": -1},
        {"grace_seconds": -1},
        {"expires_at": -1},
        {"expires_at": INSTANT_MAX + 1},
        {"entitlements": ("",)},
        {"entitlements": ("x",) * 256},
        {"buyer_email": "x" * 321},
        {"note": "x" * 2_001},
        {"nostr_npub": "\0x"},
    ],
)
def test_a_license_that_breaks_a_rule_is_not_issued(trade: Trade, fields: dict[str, Any]) -> None:
    with pytest.raises(InvariantError):
        trade.issue(**fields)
    assert trade.licenses() == []
    assert trade.trail() == ([], [])


def test_licenses_are_issued_for_inactive_products_but_not_for_unknown_ones(trade: Trade) -> None:
    with trade.store.writing() as tx:
        tx.products.put_product(msgspec.structs.replace(trade.shop.product, active=False))
    assert trade.issue().license.product_id == trade.shop.product.id
    with pytest.raises(NotFound, match="policy"):
        trade.issue(policy_slug="unknown")
    other = make_product()
    trade.shop = msgspec.structs.replace(trade.shop, product=other)
    with pytest.raises(NotFound, match="product"):
        trade.issue()


# --- status -------------------------------------------------------------------------------------


def ports(trade: Trade) -> dict[str, Any]:
    return {"store": trade.store, "clock": trade.clock, "ids": trade.ids}


def suspend(trade: Trade, license: License, reason: str | None = None) -> ChangedLicense:
    return suspend_license(OPERATOR, license.id, reason=reason, **ports(trade))


def reinstate(trade: Trade, license: License) -> ChangedLicense:
    return reinstate_license(OPERATOR, license.id, **ports(trade))


def revoke(trade: Trade, license: License, reason: str | None = None) -> ChangedLicense:
    return revoke_license(OPERATOR, license.id, reason=reason, **ports(trade))


def test_suspending_stops_a_license_until_it_is_reinstated(trade: Trade) -> None:
    issued = trade.issue()
    suspended = suspend(trade, issued.license, "unpaid")
    assert suspended.license == trade.license(issued.license.id)
    assert suspended.license.suspended_at == trade.clock.now()
    assert trade.validate(issued.key).verdict == Refused(
        reason=Reason.SUSPENDED, license=suspended.license
    )
    assert reinstate(trade, issued.license) == ChangedLicense(license=issued.license)
    assert isinstance(trade.validate(issued.key).verdict, Valid)
    audits = [(a.action, a.details) for a in trade.audits()[1:]]
    assert audits == [("license.suspend", {"reason": "unpaid"}), ("license.unsuspend", {})]
    events = [(e.event_type, data_of(e)) for e in trade.events()[1:]]
    told = {"license_id": issued.license.id}
    assert events == [
        ("license.suspended", told | {"reason": "unpaid"}),
        ("license.unsuspended", told),
    ]


def test_revoking_is_final_and_keeps_what_the_suspension_said(trade: Trade) -> None:
    license = trade.issue().license
    suspend(trade, license)
    revoked = revoke(trade, license).license
    assert revoked.status is LicenseStatus.REVOKED
    assert (revoked.suspension_reason, revoked.revocation_reason) == (
        "admin suspend",
        "admin revoke",
    )
    before = trade.trail()
    for again in (revoke, suspend, reinstate):
        with pytest.raises(NotFound):
            again(trade, license)
    assert trade.trail() == before
    assert trade.license(license.id) == revoked


def test_suspending_or_reinstating_again_says_already_and_writes_nothing(trade: Trade) -> None:
    license = trade.issue().license
    before = trade.trail()
    assert reinstate(trade, license) == ChangedLicense(license=license, is_already=True)
    assert trade.trail() == before
    suspended = suspend(trade, license, "first").license
    before = trade.trail()
    trade.clock.advance(5)
    assert suspend(trade, license, "second") == ChangedLicense(license=suspended, is_already=True)
    assert trade.trail() == before
    assert trade.license(license.id) == suspended


def test_a_blank_reason_is_the_default_and_a_long_one_is_cut(trade: Trade) -> None:
    one, two = trade.issue().license, trade.issue().license
    assert suspend(trade, one, "  ").license.suspension_reason == "admin suspend"
    assert revoke(trade, one, "").license.revocation_reason == "admin revoke"
    long = revoke(trade, two, "x" * 5_000).license.revocation_reason
    assert long == "x" * REASON_CHARS_MAX


def test_an_unknown_license_is_not_found(trade: Trade) -> None:
    ghost = msgspec.structs.replace(
        trade.issue().license, id=LicenseId("0" * 8 + "-0000" * 3 + "-" + "0" * 12)
    )
    for change in (suspend, reinstate, revoke):
        with pytest.raises(NotFound):
            change(trade, ghost)


# --- lists --------------------------------------------------------------------------------------


def test_licenses_are_found_by_what_an_operator_knows_of_them(trade: Trade) -> None:
    plain = trade.issue(buyer_email="B@Example.com").license
    trade.clock.advance(1)
    invoice = trade.sell(buyer_email="c@example.com")
    trade.provider.pay(invoice.id)
    trade.settle(invoice.id)
    sold = trade.license_for(invoice.id)
    assert sold is not None
    revoke(trade, plain)

    def found(**criteria: Any) -> list[LicenseId]:
        page = list_licenses(OPERATOR, LicenseFilter(**criteria), store=trade.store)
        return [row.license.id for row in page.rows]

    assert found() == [sold.id, plain.id]
    assert found(buyer_email="b@example.COM") == [plain.id]
    assert found(invoice_id=invoice.id) == found(invoice_id="p-1") == [sold.id]
    assert found(status=LicenseStatus.REVOKED) == [plain.id]
    assert found(policy_id=trade.shop.policy.id) == [sold.id]
    assert found(limit=1, offset=1) == [plain.id]
    with pytest.raises(InvariantError):
        LicenseFilter(limit=0)
    assert show_license(OPERATOR, plain.id, store=trade.store).id == plain.id


def test_licenses_and_revenue_are_summed_up(trade: Trade) -> None:
    issued = trade.issue().license
    suspend(trade, issued)
    trade.clock.advance(2 * DAY_SECONDS)
    invoice = trade.sell()
    trade.provider.pay(invoice.id)
    trade.settle(invoice.id)
    summary = summarize_licenses(OPERATOR, store=trade.store, clock=trade.clock)
    assert (summary.total, summary.active, summary.suspended, summary.revoked) == (2, 1, 1, 0)
    assert (summary.last_24h, summary.last_7d) == (1, 2)
    assert count_licenses(OPERATOR, store=trade.store) == LicenseCounts(
        by_product={trade.shop.product.id: 2}, by_policy={trade.shop.policy.id: 1}
    )
    trade.clock.advance(8 * DAY_SECONDS)
    revenue = summarize_revenue(OPERATOR, store=trade.store, clock=trade.clock)
    assert (revenue.total_sats, revenue.settled_paid_invoice_count) == (50_000, 1)
    assert (revenue.last_7d_sats, revenue.last_30d_sats) == (0, 50_000)
