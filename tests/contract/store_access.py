"""API keys and sessions in every store."""

from abc import ABC, abstractmethod

import msgspec
import pytest

from keysat_core.domain.access import Role
from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import ApiKeyId
from keysat_core.errors import NotFound, StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import NOW, later, make_api_key, make_web_session, new_id

replace = msgspec.structs.replace


class AccessContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    # --- API keys -------------------------------------------------------------------------------

    def test_a_key_comes_back_whole_by_its_id_and_by_its_token(self, store: Store) -> None:
        key = make_api_key(role=Role.READ_ONLY, extra_scopes=(Scope.PAYMENT_PROVIDERS_WRITE,))
        with store.writing() as tx:
            tx.api_keys.put_key(make_api_key())
            tx.api_keys.put_key(key)
            assert tx.api_keys.get_key(key.id) == key
            assert tx.api_keys.find_by_token_hash(key.token_hash) == key
            revoked = replace(key, revoked_at=later(1), last_used_at=NOW)
            tx.api_keys.put_key(revoked)
            assert tx.api_keys.find_by_token_hash(key.token_hash) == revoked
            assert tx.api_keys.count_live() == 1

    def test_an_unknown_key_is_not_found(self, store: Store) -> None:
        with store.reading() as tx:
            assert tx.api_keys.find_by_token_hash("0" * 64) is None
            with pytest.raises(NotFound):
                tx.api_keys.get_key(ApiKeyId(new_id()))

    def test_no_two_keys_have_one_token(self, store: Store) -> None:
        key = make_api_key()
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.api_keys.put_key(key)
            tx.api_keys.put_key(make_api_key(token_hash=key.token_hash))

    def test_keys_are_listed_newest_first_also_within_a_second(self, store: Store) -> None:
        keys = [make_api_key(created_at=later(at)) for at in (5, -5, 5, 0)]
        keys[1] = replace(keys[1], revoked_at=NOW)
        with store.writing() as tx:
            for key in keys:
                tx.api_keys.put_key(key)
            page = tx.api_keys.list_keys(limit=10)
            assert page.keys == (keys[2], keys[0], keys[3], keys[1])
            assert page.total == 4
            assert tx.api_keys.list_keys(limit=1, offset=2).keys == (keys[3],)

    def test_the_last_use_of_a_key_only_moves_on(self, store: Store) -> None:
        key = make_api_key()
        with store.writing() as tx:
            tx.api_keys.put_key(key)
            for at in (0, 60, 30):
                tx.api_keys.note_used(key.id, later(at))
            tx.api_keys.note_used(ApiKeyId(new_id()), NOW)
            assert tx.api_keys.list_keys(limit=9).keys == (replace(key, last_used_at=later(60)),)

    # --- sessions -------------------------------------------------------------------------------

    def test_a_session_comes_back_whole_and_can_be_removed(self, store: Store) -> None:
        session = make_web_session(ip="2001:db8::1", user_agent="Firefox")
        with store.writing() as tx:
            tx.web_sessions.put_session(session)
            assert tx.web_sessions.find_session(session.token_hash) == session
            longer = replace(session, expires_at=later(9), last_seen_at=later(1))
            tx.web_sessions.put_session(longer)
            assert tx.web_sessions.find_session(session.token_hash) == longer
            assert tx.web_sessions.remove_session(session.token_hash)
            assert not tx.web_sessions.remove_session(session.token_hash)
            assert tx.web_sessions.find_session(session.token_hash) is None

    def test_a_session_keeps_what_it_was_opened_with(self, store: Store) -> None:
        key = make_api_key()
        sessions = [
            make_web_session(api_key_id=key.id, last_seen_at=later(3)),
            make_web_session(master_key_hash="0" * 64, last_seen_at=later(2)),
            make_web_session(last_seen_at=later(1)),
        ]
        with store.writing() as tx:
            tx.api_keys.put_key(key)
            for session in reversed(sessions):
                tx.web_sessions.put_session(session)
            assert tx.web_sessions.list_sessions(9) == sessions
            assert tx.web_sessions.list_sessions(1) == sessions[:1]
        for wrong in (
            make_web_session(api_key_id=ApiKeyId(new_id())),
            make_web_session(api_key_id=key.id, master_key_hash="0" * 64),
        ):
            with pytest.raises(StoreUnavailable), store.writing() as tx:
                tx.web_sessions.put_session(wrong)

    def test_the_sessions_seen_last_are_kept(self, store: Store) -> None:
        sessions = [make_web_session(last_seen_at=later(at)) for at in (3, 1, 2, 0)]
        with store.writing() as tx:
            for session in sessions:
                tx.web_sessions.put_session(session)
            assert tx.web_sessions.keep_latest(2) == 2
            kept = [tx.web_sessions.find_session(one.token_hash) for one in sessions]
            assert kept == [sessions[0], None, sessions[2], None]
            assert tx.web_sessions.remove_all() == 2
            assert tx.web_sessions.remove_all() == 0

    def test_expired_sessions_are_purged_longest_expired_first(self, store: Store) -> None:
        sessions = [make_web_session(expires_at=later(at)) for at in (-1, -2, 0)]
        with store.writing() as tx:
            for session in sessions:
                tx.web_sessions.put_session(session)
            assert tx.web_sessions.purge_sessions(NOW, 1) == 1
            assert tx.web_sessions.find_session(sessions[1].token_hash) is None
            assert tx.web_sessions.purge_sessions(NOW, 9) == 1
            assert tx.web_sessions.find_session(sessions[2].token_hash) is not None
