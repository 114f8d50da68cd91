"""Merchant profiles and provider accounts in every store."""

from abc import ABC, abstractmethod

import msgspec
import pytest

from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.logo import checked_logo
from keysat_core.domain.merchant import ProviderKind, RailPreference, disconnected
from keysat_core.domain.payment import Rail
from keysat_core.domain.secret import Secret
from keysat_core.errors import AlreadyConnected, StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    later,
    make_account,
    make_invoice,
    make_product,
    make_profile,
    new_id,
    stored_shop,
)

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

    def test_a_logo_comes_back_whole_and_goes_with_its_profile(self, store: Store) -> None:
        profile, other = make_profile(), make_profile(is_default=False)
        first = checked_logo(other.id, b"\x89PNG\r\n\x1a\n\x00", NOW)
        second = checked_logo(other.id, b"\xff\xd8\xff\xe0\x00", later(1))
        with store.writing() as tx:
            tx.merchants.put_profile(profile)
            tx.merchants.put_profile(other)
            tx.logos.put_logo(first)
            tx.logos.put_logo(second)
        with store.reading() as tx:
            assert tx.logos.find_logo(other.id) == second
            assert tx.logos.find_version(other.id) == second.version != first.version
            assert tx.logos.list_versions() == {other.id: second.version}
            assert tx.logos.find_logo(profile.id) is None
            assert tx.logos.find_version(profile.id) is None
        with store.writing() as tx:
            tx.merchants.remove_profile(other.id)
            assert tx.logos.list_versions() == {}
        with store.writing() as tx:
            tx.logos.put_logo(msgspec.structs.replace(first, merchant_profile_id=profile.id))
            tx.logos.remove_logo(profile.id)
            assert tx.logos.find_logo(profile.id) is None

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

    def test_profiles_are_listed_the_default_first_then_the_newest(self, store: Store) -> None:
        default = make_profile()
        old = make_profile(is_default=False, created_at=later(1))
        new = make_profile(is_default=False, created_at=later(2))
        with store.writing() as tx:
            for profile in (old, new, default):
                tx.merchants.put_profile(profile)
        with store.reading() as tx:
            assert tx.merchants.list_profiles() == [default, new, old]
            assert tx.merchants.count_profiles() == 3

    def test_a_profile_keeps_everything_that_is_written_into_it(self, store: Store) -> None:
        profile = make_profile(
            legal_name="Notes Ltd",
            support_url="https://notes.example/help",
            support_email="help@notes.example",
            brand_color="#1a2b3c",
            smtp_host="mail.notes.example",
            smtp_port=465,
            smtp_username="notes",
            smtp_password=Secret("p4ssword"),
            smtp_from_address="shop@notes.example",
            smtp_from_name="Notes",
            smtp_use_starttls=False,
        )
        with store.writing() as tx:
            tx.merchants.put_profile(profile)
        with store.reading() as tx:
            assert tx.merchants.find_profile(profile.id) == profile
        bare = make_profile(id=profile.id)
        with store.writing() as tx:
            tx.merchants.put_profile(bare)
        with store.reading() as tx:
            assert tx.merchants.find_profile(profile.id) == bare

    def test_a_profile_goes_with_its_preferences(self, store: Store) -> None:
        profile, default = make_profile(is_default=False), make_profile()
        account = make_account(profile)
        with store.writing() as tx:
            tx.merchants.put_profile(default)
            tx.merchants.put_profile(profile)
            tx.merchants.put_account(account)
            tx.merchants.put_preference(preference(profile.id, Rail.ONCHAIN, account.id))
            tx.merchants.put_account(replace(account, merchant_profile_id=default.id))
            tx.merchants.remove_profile(profile.id)
        with store.reading() as tx:
            assert tx.merchants.find_profile(profile.id) is None
            assert tx.merchants.list_preferences(profile.id) == []
            assert tx.merchants.list_accounts(default.id) == [
                replace(account, merchant_profile_id=default.id)
            ]

    def test_a_profile_is_not_removed_from_under_what_refers_to_it(self, store: Store) -> None:
        shop = stored_shop(store)
        gone = disconnected(shop.account, NOW)
        with store.writing() as tx:
            tx.invoices.put_invoice(make_invoice(shop.product, provider_account_id=gone.id))
            tx.merchants.put_account(gone)
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.merchants.remove_profile(shop.profile.id)
        own = make_profile(is_default=False)
        with store.writing() as tx:
            tx.merchants.put_profile(own)
            tx.products.put_product(make_product(merchant_profile_id=own.id))
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.merchants.remove_profile(own.id)
        with store.reading() as tx:
            assert tx.merchants.find_profile(own.id) == own

    def test_the_history_of_invoices_may_move_to_another_profile(self, store: Store) -> None:
        shop, other = stored_shop(store), make_profile(is_default=False)
        gone = disconnected(make_account(other), NOW)
        with store.writing() as tx:
            tx.merchants.put_profile(other)
            tx.merchants.put_account(gone)
            invoice = make_invoice(shop.product, provider_account_id=gone.id)
            tx.invoices.put_invoice(invoice)
            tx.merchants.put_account(replace(gone, merchant_profile_id=shop.profile.id))
            tx.merchants.remove_profile(other.id)
        with store.reading() as tx:
            assert tx.merchants.find_account(gone.id) == replace(
                gone, merchant_profile_id=shop.profile.id
            )
            assert tx.invoices.get_invoice(invoice.id) == invoice
            assert tx.merchants.list_accounts(shop.profile.id) == [shop.account]

    def test_products_are_counted_only_for_the_profile_they_name(self, store: Store) -> None:
        mine, other = make_profile(), make_profile(is_default=False)
        with store.writing() as tx:
            tx.merchants.put_profile(mine)
            tx.merchants.put_profile(other)
            tx.products.put_product(make_product())
            for is_active in (True, False):
                tx.products.put_product(
                    make_product(merchant_profile_id=other.id, active=is_active)
                )
        with store.reading() as tx:
            assert tx.merchants.count_products_of(mine.id) == 0
            assert tx.merchants.count_products_of(other.id) == 2

    def test_a_rail_has_one_preference_until_it_is_removed(self, store: Store) -> None:
        shop = stored_shop(store)
        other = make_account(shop.profile, kind=ProviderKind.BTCPAY)
        kept = preference(shop.profile.id, Rail.ONCHAIN, other.id)
        with store.writing() as tx:
            tx.merchants.put_account(other)
            tx.merchants.put_preference(kept)
            for account in (shop.account, other):
                tx.merchants.put_preference(preference(shop.profile.id, Rail.LIGHTNING, account.id))
        with store.reading() as tx:
            assert tx.merchants.list_preferences(shop.profile.id) == [
                preference(shop.profile.id, Rail.LIGHTNING, other.id),
                kept,
            ]
        with store.writing() as tx:
            tx.merchants.remove_preference(shop.profile.id, Rail.LIGHTNING)
            tx.merchants.remove_preference(shop.profile.id, Rail.CARD)
        with store.reading() as tx:
            assert tx.merchants.list_preferences(shop.profile.id) == [kept]
        with store.writing() as tx:
            tx.merchants.remove_preferences_of(other.id)
        with store.reading() as tx:
            assert tx.merchants.list_preferences(shop.profile.id) == []


def preference(
    profile_id: MerchantProfileId, rail: Rail, account_id: ProviderAccountId
) -> RailPreference:
    return RailPreference(merchant_profile_id=profile_id, rail=rail, provider_account_id=account_id)
