"""The license this server runs on: looked at, looked at again, and exchanged."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from keysat_core.domain.ids import LicenseId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.license import License, LicenseStatus
from keysat_core.domain.own_license import Licensed, Standing, Unlicensed, self_license_of
from keysat_core.domain.secret import Secret
from keysat_core.domain.self_license import Tier
from keysat_core.errors import (
    BadKeyFormat,
    BadKeySignature,
    InvariantError,
    KeyExpired,
    LicenseFileUnwritable,
    StoreBusy,
)
from keysat_core.ports.store import Store, Transaction
from keysat_core.testing.clock import START
from keysat_core.testing.self_licenses import MemorySelfLicenses
from keysat_core.use_cases.server.self_license import (
    ActivatedLicense,
    activate_self_license,
    reload_self_license,
    show_self_license,
)
from tests.support.own_licenses import (
    OWN_ID,
    PATRON,
    PRO,
    SOLD,
    TRUST_ROOT_PEM,
    own_key,
    own_licenses,
)
from tests.support.trade import OPERATOR, Trade, open_trade
from tests.support.watched_store import Killed, WatchedStore


@pytest.fixture
def trade() -> Trade:
    return open_trade()


def look(trade: Trade, own: MemorySelfLicenses, store: Store | None = None) -> Standing:
    return reload_self_license(store=store or trade.store, clock=trade.clock, self_licenses=own)


def activate(trade: Trade, own: MemorySelfLicenses, key: str) -> ActivatedLicense:
    return activate_self_license(
        OPERATOR, key, store=trade.store, clock=trade.clock, ids=trade.ids, self_licenses=own
    )


def sell(trade: Trade, **fields: Any) -> License:
    """Put the license into this shop's own rows, as if it had sold it."""
    row = msgspec.structs.replace(
        SOLD, product_id=trade.shop.product.id, policy_id=trade.shop.policy.id, **fields
    )
    with trade.store.writing() as tx:
        tx.licenses.put_license(row)
    return row


def entitlements(standing: Standing) -> tuple[str, ...]:
    assert isinstance(standing, Licensed), standing
    return standing.entitlements


def reason(standing: Standing) -> str:
    assert isinstance(standing, Unlicensed), standing
    return standing.reason


@dataclass(kw_only=True)
class LockedStore:
    """A store that cannot be read for the moment."""

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        raise StoreBusy
        yield  # type: ignore[unreachable]

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        raise StoreBusy
        yield  # type: ignore[unreachable]


# --- a look -------------------------------------------------------------------------------------


def test_a_key_that_verifies_counts_as_it_was_signed(trade: Trade) -> None:
    standing = look(trade, own_licenses(PRO))
    assert standing == Licensed(
        license_id=OWN_ID,
        product_id=SOLD.product_id,
        expires_at=0,
        entitlements=("unlimited_products", "recurring_billing"),
    )


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (None, "there is no license key"),
        ("LIC1-A-B", "not a license key"),
        (PRO[:-1], "not a license key"),
        (own_key(expires_at=Instant(START)), "expired"),
    ],
)
def test_a_server_without_a_good_key_says_why(trade: Trade, key: str | None, said: str) -> None:
    assert said in reason(look(trade, own_licenses(key)))


def test_a_key_of_another_issuer_gives_nothing(trade: Trade) -> None:
    own = MemorySelfLicenses(key=Secret(PRO))
    assert "not signed by this issuer" in reason(look(trade, own))


def test_the_environment_wins_over_the_file_even_with_a_key_that_is_none(trade: Trade) -> None:
    assert len(entitlements(look(trade, own_licenses(PRO, variable=PATRON)))) > 2
    assert reason(look(trade, own_licenses(PRO, variable="LIC1-A-B")))


@pytest.mark.parametrize("status", [LicenseStatus.SUSPENDED, LicenseStatus.REVOKED])
def test_a_license_that_is_stopped_gives_nothing_until_it_is_not(
    trade: Trade, status: LicenseStatus
) -> None:
    own = own_licenses(PRO)
    assert entitlements(look(trade, own))
    sell(trade, status=status)
    assert reason(look(trade, own)) == f"the license is {status}"
    sell(trade)
    assert entitlements(look(trade, own)) == SOLD.entitlements


@pytest.mark.betters("B-29")
def test_a_row_narrows_and_never_widens(trade: Trade) -> None:
    own = own_licenses(own_key(expires_at=Instant(START + DAY_SECONDS)))
    sell(trade, entitlements=("patron", "unlimited_products"), expires_at=None)
    standing = look(trade, own)
    assert entitlements(standing) == ("unlimited_products",)
    assert isinstance(standing, Licensed)
    assert standing.expires_at == START + DAY_SECONDS
    sell(trade, expires_at=Instant(START + 5))
    standing = look(trade, own)
    assert isinstance(standing, Licensed)
    assert standing.expires_at == START + 5


def test_a_key_that_is_gone_leaves_what_it_said_within_what_its_row_allows(trade: Trade) -> None:
    own = own_licenses(PRO)
    look(trade, own)
    own.key = None
    assert entitlements(look(trade, own)) == SOLD.entitlements
    sell(trade, entitlements=("unlimited_products",))
    assert entitlements(look(trade, own)) == ("unlimited_products",)


@pytest.mark.betters("B-29")
def test_a_key_that_is_spoiled_or_mended_counts_at_the_next_look(trade: Trade) -> None:
    own = own_licenses(PRO)
    look(trade, own)
    own.key = Secret("LIC1-A-B")
    assert reason(look(trade, own))
    own.key = None
    assert reason(look(trade, own)), "what does not verify any more is no ceiling"
    own.key = Secret(PRO)
    assert entitlements(look(trade, own))


def test_a_database_that_cannot_be_read_changes_nothing(trade: Trade) -> None:
    own, locked = own_licenses(PRO), LockedStore()
    sell(trade, entitlements=("unlimited_products",))
    look(trade, own)
    assert entitlements(look(trade, own, locked)) == ("unlimited_products",)
    sell(trade, status=LicenseStatus.REVOKED)
    look(trade, own)
    assert reason(look(trade, own, locked)) == "the license is revoked"
    assert entitlements(look(trade, own_licenses(PRO), locked)) == SOLD.entitlements


def test_a_license_that_ends_is_noticed_without_a_look(trade: Trade) -> None:
    own = own_licenses(own_key(expires_at=Instant(START + 10)))
    look(trade, own)
    trade.clock.advance(9)
    assert show_self_license(OPERATOR, self_licenses=own, clock=trade.clock) == look(trade, own)
    trade.clock.advance(1)
    shown = show_self_license(OPERATOR, self_licenses=own, clock=trade.clock)
    assert reason(shown) == "the license has expired"


# --- another license ----------------------------------------------------------------------------


def test_an_activated_license_is_kept_and_counts_at_once(trade: Trade) -> None:
    own = own_licenses()
    look(trade, own)
    activated = activate(trade, own, f"  {PRO[:4] + PRO[4:].lower()}\n")
    assert own.key == Secret(PRO[:4] + PRO[4:].lower())
    assert entitlements(activated.standing) == SOLD.entitlements
    assert not activated.is_overruled
    (entry,) = trade.audits("self_license.activate")
    assert (entry.target_kind, entry.target_id) == ("license", OWN_ID)
    assert entry.details["entitlements"] == list(SOLD.entitlements)
    assert len(trade.events("setting.changed")) == 1
    said = repr((entry, trade.events())).upper()
    assert PRO.split("-")[1] not in said


@pytest.mark.parametrize(
    ("key", "refusal"),
    [
        (" ", InvariantError),
        ("nonsense", BadKeyFormat),
        (PRO[:-9] + ("A" if PRO[-9] != "A" else "B") + PRO[-8:], BadKeySignature),
        (own_key(expires_at=Instant(START - 1)), KeyExpired),
    ],
)
def test_a_key_that_is_none_changes_nothing(
    trade: Trade, key: str, refusal: type[Exception]
) -> None:
    own = own_licenses(PRO)
    before = look(trade, own)
    with pytest.raises(refusal):
        activate(trade, own, key)
    assert own.key == Secret(PRO)
    assert look(trade, own) == before
    assert trade.audits("self_license.activate") == []


def test_activating_beside_the_variable_says_that_it_wins(trade: Trade) -> None:
    own = own_licenses(variable=PRO)
    activated = activate(trade, own, PATRON)
    assert activated.is_overruled
    assert isinstance(activated.standing, Licensed)
    assert activated.standing.license_id == OWN_ID != activated.license_id
    assert own.key == Secret(PATRON)


def test_activating_what_was_revoked_here_gives_nothing(trade: Trade) -> None:
    sell(trade, status=LicenseStatus.REVOKED)
    assert reason(activate(trade, own_licenses(), PRO).standing) == "the license is revoked"


class FullDisk(MemorySelfLicenses):
    def write_key(self, key: Secret) -> Callable[[], None]:
        raise LicenseFileUnwritable("No space left on device")


def test_a_key_that_cannot_be_kept_is_not_audited_and_does_not_count(trade: Trade) -> None:
    own = FullDisk(trust_root_pem=TRUST_ROOT_PEM)
    with pytest.raises(LicenseFileUnwritable):
        activate(trade, own, PRO)
    assert trade.audits("self_license.activate") == []
    assert trade.events("setting.changed") == []
    assert reason(look(trade, own))


@pytest.mark.parametrize("before", [None, PATRON])
def test_a_key_whose_audit_row_is_not_committed_does_not_count(
    trade: Trade, before: str | None
) -> None:
    own = own_licenses(before)
    held = look(trade, own)
    # Each write of the transaction, then its commit.
    store = WatchedStore(trade.store, dies_at=3)
    with pytest.raises(Killed):
        activate_self_license(
            OPERATOR, PRO, store=store, clock=trade.clock, ids=trade.ids, self_licenses=own
        )
    assert store.steps[-1] == "commit"
    assert trade.audits("self_license.activate") == []
    assert own.key == (None if before is None else Secret(before))
    assert look(trade, own) == held


def test_tiers_follow_the_license(trade: Trade) -> None:
    own = own_licenses(PATRON)
    standing = look(trade, own)
    assert isinstance(standing, Licensed)
    assert standing.license_id == LicenseId("33333333-3333-4333-8333-333333333333")
    assert self_license_of(standing).tier is Tier.PATRON
