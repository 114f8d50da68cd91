"""Merchant profiles and provider accounts in every store."""

from abc import ABC, abstractmethod

import msgspec
import pytest

from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.merchant import disconnected
from keysat_core.domain.payment import Rail
from keysat_core.domain.secret import Secret
from keysat_core.errors import AlreadyConnected, StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import NOW, make_account, make_profile, new_id

replace = msgspec.structs.replace


class MerchantsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_a_profile_comes_back_whole(self, store: Store) -> None:
        profile = make_profile(post_purchase_redirect_url="https://shop.example/thanks")
        with store.writing() as tx:
            tx.merchants.put_profile(profile)
        with store.reading() as tx:
            assert tx.merchants.find_profile(profile.id) == profile
            assert tx.merchants.find_default_profile() == profile

    def test_an_empty_store_has_no_profile(self, store: Store) -> None:
        with store.reading() as tx:
            assert tx.merchants.find_default_profile() is None
            assert tx.merchants.find_profile(MerchantProfileId(new_id())) is None
            assert tx.merchants.find_account(ProviderAccountId(new_id())) is None

    def test_one_profile_is_the_default(self, store: Store) -> None:
        first = make_profile()
        with store.writing() as tx:
            tx.merchants.put_profile(first)
            tx.merchants.put_profile(make_profile(is_default=False))
            tx.merchants.put_profile(make_profile(is_default=False))
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.merchants.put_profile(make_profile())
        with store.reading() as tx:
            assert tx.merchants.find_default_profile() == first

    def test_the_default_can_move(self, store: Store) -> None:
        first, second = make_profile(), make_profile(is_default=False)
        with store.writing() as tx:
            tx.merchants.put_profile(first)
            tx.merchants.put_profile(second)
            tx.merchants.put_profile(replace(first, is_default=False))
            tx.merchants.put_profile(replace(second, is_default=True))
        with store.reading() as tx:
            assert tx.merchants.find_default_profile() == replace(second, is_default=True)

    def test_an_account_comes_back_whole_with_its_rails_in_order(self, store: Store) -> None:
        profile = make_profile()
        account = make_account(profile, served_rails=(Rail.CARD, Rail.LIGHTNING))
        with store.writing() as tx:
            tx.merchants.put_profile(profile)
            tx.merchants.put_account(account)
            tx.merchants.put_account(replace(account, label="Renamed"))
        with store.reading() as tx:
            assert tx.merchants.find_account(account.id) == replace(account, label="Renamed")

    def test_accounts_are_listed_only_for_their_profile(self, store: Store) -> None:
        mine, other = make_profile(), make_profile(is_default=False)
        account = make_account(mine)
        with store.writing() as tx:
            tx.merchants.put_profile(mine)
            tx.merchants.put_profile(other)
            tx.merchants.put_account(account)
            tx.merchants.put_account(make_account(other))
        with store.reading() as tx:
            assert tx.merchants.list_accounts(mine.id) == [account]
            assert tx.merchants.list_accounts(MerchantProfileId(new_id())) == []

    def test_a_profile_has_one_account_of_a_kind(self, store: Store) -> None:
        profile = make_profile()
        with pytest.raises(AlreadyConnected), store.writing() as tx:
            tx.merchants.put_profile(profile)
            tx.merchants.put_account(make_account(profile))
            tx.merchants.put_account(make_account(profile))

    def test_a_disconnected_account_makes_room_for_another(self, store: Store) -> None:
        profile = make_profile()
        gone = disconnected(make_account(profile, api_key=Secret("k")), NOW)
        fresh = make_account(profile)
        with store.writing() as tx:
            tx.merchants.put_profile(profile)
            tx.merchants.put_account(gone)
            tx.merchants.put_account(fresh)
        with store.reading() as tx:
            assert tx.merchants.list_accounts(profile.id) == [fresh]
            assert tx.merchants.find_account(gone.id) == gone
            every = tx.merchants.list_all_accounts(is_disconnected_included=True)
            assert {account.id for account in every} == {gone.id, fresh.id}
            connected = tx.merchants.list_all_accounts(is_disconnected_included=False)
            assert connected == [fresh]

    def test_an_account_of_an_unknown_profile_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.merchants.put_account(make_account())
