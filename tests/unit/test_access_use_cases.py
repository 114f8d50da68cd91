"""Keys, sessions and the password where requests alone do not reach."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.access import Role
from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind, Scope
from keysat_core.domain.api_key import ApiKey, is_api_key_token
from keysat_core.domain.ids import ApiKeyId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.domain.setting import WEB_PASSWORD_HASH
from keysat_core.domain.web_session import (
    WebSession,
    csrf_token,
    is_live,
    scopes_in,
    seen,
    session_token,
)
from keysat_core.errors import InvariantError, Unauthorized, WebPasswordUnset
from keysat_core.limits import WEB_SESSION_SECONDS_MAX
from keysat_core.ports.store import Store
from keysat_core.testing import strategies as values
from keysat_core.testing.clock import FixedClock
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.testing.ids import SeededIds
from keysat_core.use_cases.access.note_uses import note_uses
from keysat_core.use_cases.access.set_password import set_password
from keysat_core.use_cases.access.sign_in import SignIn, sign_in
from keysat_core.use_cases.access.sign_out import sign_out
from tests.support.builders import NOW, later, make_web_session
from tests.support.plain_passwords import PlainPasswords
from tests.support.trade import OPERATOR

STRANGER = Actor(kind=ActorKind.WEB_UI)
CLOCK = FixedClock(NOW)


@pytest.fixture
def store() -> Iterator[Store]:
    with SQLiteStore.open() as opened:
        yield opened


@dataclass
class ChangedMeanwhile(PlainPasswords):
    """Passwords whose check takes so long that another process sets a new one."""

    store: Store

    def verify_password(self, password: Secret, *, password_hash: str) -> None:
        super().verify_password(password, password_hash=password_hash)
        with self.store.writing() as tx:
            tx.settings.put_setting(WEB_PASSWORD_HASH, "another", NOW)


def test_a_password_that_was_just_replaced_opens_no_session(store: Store) -> None:
    ports = {"store": store, "clock": CLOCK}
    secret = Secret("correct horse battery")
    set_password(OPERATOR, secret, ids=SeededIds(), passwords=PlainPasswords(), **ports)  # type: ignore[arg-type]
    with pytest.raises(Unauthorized):
        sign_in(
            STRANGER,
            SignIn(password=secret),
            entropy=SeededEntropy(),
            passwords=ChangedMeanwhile(store),
            **ports,  # type: ignore[arg-type]
        )
    with store.reading() as tx:
        assert len(tx.trail.list_audit(action="web_ui.login_failed", limit=9)) == 1
        assert tx.trail.list_audit(action="web_ui.login_ok", limit=9) == []


def test_without_anything_to_hash_with_there_is_no_password(store: Store) -> None:
    with pytest.raises(WebPasswordUnset):
        set_password(
            OPERATOR,
            Secret("correct horse battery"),
            store=store,
            clock=CLOCK,
            ids=SeededIds(),
            passwords=None,
        )


def test_a_password_that_is_no_text_is_refused_and_fits_nothing(store: Store) -> None:
    broken = Secret("correct horse \udcff battery")
    with pytest.raises(InvariantError):
        set_password(
            OPERATOR,
            broken,
            store=store,
            clock=CLOCK,
            ids=SeededIds(),
            passwords=PlainPasswords(),
        )
    with store.writing() as tx:
        tx.settings.put_setting(WEB_PASSWORD_HASH, "any", NOW)
    with pytest.raises(Unauthorized):
        sign_in(
            STRANGER,
            SignIn(password=broken),
            store=store,
            clock=CLOCK,
            entropy=SeededEntropy(),
            passwords=PlainPasswords(),
        )


def test_a_session_that_is_gone_is_not_ended_twice(store: Store) -> None:
    assert not sign_out(STRANGER, "0" * 64, store=store, clock=CLOCK)
    with store.reading() as tx:
        assert tx.trail.list_audit(action="web_ui.logout", limit=9) == []


def test_uses_noted_by_two_processes_are_written_once(store: Store) -> None:
    session = make_web_session()
    with store.writing() as tx:
        tx.web_sessions.put_session(session)
    note_uses({}, {session.token_hash: later(60), "gone": NOW}, store=store)
    note_uses({}, {session.token_hash: later(90)}, store=store)
    with store.reading() as tx:
        found = tx.web_sessions.find_session(session.token_hash)
    assert found is not None
    assert (found.last_seen_at, found.expires_at) == (later(60), later(60 + 86_400))


def test_a_session_that_ended_before_its_use_was_written_stays_ended(store: Store) -> None:
    session = make_web_session(expires_at=later(10))
    with store.writing() as tx:
        tx.web_sessions.put_session(session)
    note_uses({}, {session.token_hash: later(61)}, store=store)
    with store.reading() as tx:
        assert tx.web_sessions.find_session(session.token_hash) == session


def test_a_session_begun_by_a_clock_that_was_ahead_proves_nothing() -> None:
    year = 365 * 86_400
    session = make_web_session(created_at=later(year), expires_at=later(year + 86_400))
    assert not is_live(session, NOW)
    assert is_live(session, later(year))


@given(session=values.web_sessions(), at=values.instants())
def test_using_a_session_never_makes_it_shorter_or_longer_than_a_week(
    session: WebSession, at: Instant
) -> None:
    longer = seen(session, at)
    if longer is not None:
        assert longer.expires_at >= session.expires_at
        assert longer.expires_at - session.created_at <= WEB_SESSION_SECONDS_MAX
        assert longer.last_seen_at == at
        assert seen(longer, Instant(at + 59)) is None


@given(session=values.web_sessions(), key=values.api_keys())
def test_a_session_may_do_what_its_key_may_and_nothing_without_it(
    session: WebSession, key: ApiKey
) -> None:
    today, earlier = "0" * 64, "1" * 64
    password = msgspec.structs.replace(session, api_key_id=None, master_key_hash=None)
    assert scopes_in(password, None, master_key_hash=today) == EVERY_SCOPE
    master = msgspec.structs.replace(password, master_key_hash=today)
    assert scopes_in(master, None, master_key_hash=today) == EVERY_SCOPE
    assert scopes_in(master, key, master_key_hash=earlier) == frozenset()
    scoped = msgspec.structs.replace(password, api_key_id=key.id)
    assert scopes_in(scoped, key, master_key_hash=today) == key.scopes
    assert scopes_in(scoped, None, master_key_hash=today) == frozenset()
    other = msgspec.structs.replace(key, id=ApiKeyId("another"))
    assert scopes_in(scoped, other, master_key_hash=today) == frozenset()


@given(key=values.api_keys())
def test_no_key_holds_what_only_the_master_key_may(key: ApiKey) -> None:
    assert Scope.MASTER not in key.scopes
    if Scope.PAYMENT_PROVIDERS_WRITE in key.scopes:
        assert Scope.PAYMENT_PROVIDERS_WRITE in key.extra_scopes
    assert msgspec.structs.replace(key, revoked_at=NOW).scopes == frozenset()
    stranger = msgspec.structs.replace(
        key, role=Role.READ_ONLY, extra_scopes=(Scope.MASTER,), revoked_at=None
    )
    assert Scope.MASTER not in stranger.scopes


def test_a_csrf_token_belongs_to_one_session_and_is_not_its_token() -> None:
    tokens = [session_token(bytes([number]) * 32) for number in range(3)]
    derived = [csrf_token(token).reveal() for token in tokens]
    assert len(set(derived)) == 3
    assert not set(derived) & {token.reveal() for token in tokens}
    assert {len(one) for one in derived} == {43}


def test_only_the_whole_spelling_is_a_token() -> None:
    good = b"ks_" + b"A" * 43
    assert is_api_key_token(good)
    assert not any(map(is_api_key_token, (good + b"\n", b"\n" + good, good[3:], b"")))
