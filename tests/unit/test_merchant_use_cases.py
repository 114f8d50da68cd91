"""Merchant profiles: what may be written into one, who may be preferred, what may be deleted."""

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from keysat_core.domain.actor import Scope
from keysat_core.domain.merchant import (
    disconnected,
)
from keysat_core.domain.merchant_fields import checked_field
from keysat_core.domain.secret import Secret
from keysat_core.domain.self_license import Capability, SelfLicense
from keysat_core.errors import (
    Forbidden,
    InvariantError,
    NotFound,
    TierCapReached,
)
from keysat_core.use_cases.merchants.list_profiles import (
    list_profiles,
    show_default_accounts,
    show_profile,
)
from tests.support.builders import make_account
from tests.support.merchants import NOBODY, connect, create, stored, update
from tests.support.trade import (
    CREATOR,
    OPERATOR,
    PATRON,
    Trade,
    data_of,
    open_trade,
    operator_without,
)

IDENTITY: dict[str, Any] = {
    "legal_name": "Notes Ltd",
    "support_url": "https://notes.example/help",
    "support_email": "help@notes.example",
    "brand_color": "#1A2b3c",
    "post_purchase_redirect_url": "https://notes.example/thanks?i={invoice_id}",
}
MAIL: dict[str, Any] = {
    "smtp_host": "mail.notes.example",
    "smtp_port": 587,
    "smtp_username": "notes",
    "smtp_password": Secret("p4ssword"),
    "smtp_from_address": "shop@notes.example",
    "smtp_from_name": "Notes",
    "smtp_use_starttls": False,
}


@pytest.fixture
def trade() -> Trade:
    return open_trade()


# --- create -------------------------------------------------------------------------------------


def test_a_new_profile_is_stored_audited_and_told_and_never_the_default(trade: Trade) -> None:
    profile = create(trade, name=" Notes ", **IDENTITY)
    assert stored(trade, profile.id) == profile
    assert {field: getattr(profile, field) for field in IDENTITY} == IDENTITY
    assert (profile.name, profile.is_default, profile.smtp_use_starttls) == (" Notes ", False, True)
    assert profile.created_at == profile.updated_at == trade.clock.now()
    (audit,) = trade.audits("merchant_profile.create")
    assert (audit.target_kind, audit.target_id) == ("merchant_profile", profile.id)
    assert audit.details == {"name": " Notes "}
    (event,) = trade.events("merchant_profile.created")
    assert not event.is_published
    assert data_of(event) == {"merchant_profile_id": profile.id, "name": " Notes "}


def test_checks_of_a_new_profile_come_in_the_order_of_the_specification(trade: Trade) -> None:
    """Everything is wrong at first; each repair lets the next check speak."""
    wrong: dict[str, Any] = {
        "actor": operator_without(Scope.MERCHANT_PROFILES_WRITE),
        "self_license": CREATOR,
        "name": " ",
    }
    before = trade.trail()
    for error, repair in (
        (Forbidden, {"actor": OPERATOR}),
        (TierCapReached, {"self_license": PATRON}),
        (InvariantError, {"name": "Good"}),
    ):
        with pytest.raises(error):
            create(trade, **wrong)
        assert trade.trail() == before
        wrong |= repair
    assert create(trade, **wrong).name == "Good"


def test_the_cap_counts_the_default_and_is_lifted_by_its_capability(trade: Trade) -> None:
    with pytest.raises(TierCapReached) as refused:
        create(trade, self_license=CREATOR)
    assert refused.value.upgrade_url.endswith("?policy=pro")
    lifted = SelfLicense(entitlements=frozenset({Capability.UNLIMITED_MERCHANT_PROFILES}))
    assert create(trade, self_license=lifted).id


# --- fields -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", " \t"),
        ("name", "x" * 201),
        ("name", "a\0b"),
        ("legal_name", "x" * 201),
        ("support_url", "ftp://notes.example"),
        ("support_url", "notes.example/help"),
        ("support_url", "https://"),
        ("support_url", "javascript:alert(1)"),
        ("support_url", "https://a b"),
        ("support_url", "https://[1"),
        ("support_url", "https://a.example/" + "x" * 2_048),
        ("support_email", "nobody"),
        ("support_email", "a b@c"),
        ("support_email", "a@b@c"),
        ("support_email", "x" * 320 + "@b"),
        ("brand_color", "blue"),
        ("brand_color", "#12345"),
        ("brand_color", "1a2b3c"),
        ("post_purchase_redirect_url", "/thanks"),
        ("post_purchase_redirect_url", "https:///thanks"),
        ("post_purchase_redirect_url", "JavaScript:alert('{invoice_id}')"),
        ("post_purchase_redirect_url", "{invoice_id}"),
        ("post_purchase_redirect_url", "https://a.example/" + "{invoice_id}" * 100),
        ("smtp_host", "a b"),
        ("smtp_host", "https://mail.example"),
        ("smtp_host", "x" * 256),
        ("smtp_port", 0),
        ("smtp_port", 65_536),
        ("smtp_username", "x" * 201),
        ("smtp_password", Secret("x" * 1_025)),
        ("smtp_password", Secret("a\0b")),
        ("smtp_from_address", "nobody"),
        ("smtp_from_name", "x" * 201),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_by_its_name(
    trade: Trade, field: str, value: Any
) -> None:
    with pytest.raises(InvariantError) as refused:
        update(trade, trade.shop.profile.id, **{field: value})
    assert refused.value.field == field
    assert stored(trade, trade.shop.profile.id) == trade.shop.profile
    assert trade.trail() == ([], [])


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(InvariantError):
        checked_field("smtp_port", 1.5)


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("support_url", " http://notes.example ", "http://notes.example"),
        ("brand_color", "#abc", "#abc"),
        ("legal_name", "  ", None),
        ("support_url", "", None),
        ("support_email", " ", None),
        ("brand_color", "", None),
        ("post_purchase_redirect_url", "", None),
        ("post_purchase_redirect_url", "notes://paid/{invoice_id}", "notes://paid/{invoice_id}"),
        ("smtp_host", "", None),
        ("smtp_port", 65_535, 65_535),
        ("smtp_password", Secret(""), None),
        ("smtp_password", Secret(" p "), Secret(" p ")),
    ],
)
def test_text_is_trimmed_and_blank_text_clears(
    trade: Trade, field: str, value: Any, kept: Any
) -> None:
    update(trade, trade.shop.profile.id, **IDENTITY | MAIL)
    assert getattr(update(trade, trade.shop.profile.id, **{field: value}), field) == kept


# --- update -------------------------------------------------------------------------------------


def test_only_what_is_sent_changes_and_the_trail_says_how_but_of_the_mail_server(
    trade: Trade,
) -> None:
    before = trade.shop.profile
    trade.clock.advance(5)
    after = update(trade, before.id, name="Renamed", **IDENTITY, **MAIL)
    wanted = {"name": "Renamed", "updated_at": trade.clock.now(), **IDENTITY, **MAIL}
    assert after == stored(trade, before.id) == msgspec.structs.replace(before, **wanted)
    (audit,) = trade.audits("merchant_profile.update")
    said = {"name": "Renamed", **IDENTITY}
    assert audit.details == {
        "name": "Renamed",
        "fields": ["name", *IDENTITY, *MAIL],
        "before": {field: getattr(before, field) for field in said},
        "after": said,
    }
    (event,) = trade.events("merchant_profile.updated")
    assert not event.is_published
    assert data_of(event)["fields"] == ["name", *IDENTITY, *MAIL]
    assert "p4ssword" not in repr((after, audit, event))


def test_none_clears_every_field_that_may_be_absent(trade: Trade) -> None:
    profile_id = trade.shop.profile.id
    update(trade, profile_id, **IDENTITY | MAIL)
    cleared = update(trade, profile_id, **dict.fromkeys(IDENTITY | MAIL))
    empty = dict.fromkeys(IDENTITY | MAIL) | {"smtp_use_starttls": True}
    assert {field: getattr(cleared, field) for field in empty} == empty


def test_a_change_that_changes_nothing_writes_nothing(trade: Trade) -> None:
    profile = trade.shop.profile
    trade.clock.advance(5)
    assert update(trade, profile.id, name=UNSET) == profile
    assert update(trade, profile.id, name=profile.name, legal_name=None) == profile
    assert trade.trail() == ([], [])


def test_an_unknown_profile_cannot_be_changed(trade: Trade) -> None:
    with pytest.raises(InvariantError) as refused:
        update(trade, NOBODY)
    assert refused.value.field == "id"


# --- read ---------------------------------------------------------------------------------------


def test_profiles_are_listed_with_their_own_connected_accounts(trade: Trade) -> None:
    trade.clock.advance(10)
    second = create(trade, name="Second")
    trade.clock.advance(10)
    third = create(trade, name="Third")
    account = connect(trade, second)
    with trade.store.writing() as tx:
        tx.merchants.put_account(disconnected(make_account(third), trade.clock.now()))
    listed = list_profiles(OPERATOR, store=trade.store)
    assert [(row.profile.id, row.accounts) for row in listed] == [
        (trade.shop.profile.id, (trade.shop.account,)),
        (third.id, ()),
        (second.id, (account,)),
    ]


def test_one_profile_is_shown_with_what_hangs_on_it(trade: Trade) -> None:
    shown = show_profile(OPERATOR, trade.shop.profile.id, store=trade.store)
    assert (shown.profile, shown.accounts) == (trade.shop.profile, (trade.shop.account,))
    assert (shown.preferences, shown.product_count, shown.active_subscription_count) == ((), 0, 0)
    with pytest.raises(NotFound):
        show_profile(OPERATOR, NOBODY, store=trade.store)


def test_the_default_profile_says_who_is_paid(trade: Trade) -> None:
    default = show_default_accounts(OPERATOR, store=trade.store)
    assert (default.profile, default.accounts) == (trade.shop.profile, (trade.shop.account,))
