"""The use cases about merchant profiles as an operator gives them, on a shop in a store."""

from typing import Any

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.merchant import MerchantProfile, ProviderAccount, RailPreference
from keysat_core.domain.self_license import SelfLicense
from keysat_core.use_cases.merchants.create_profile import CreateProfile, create_profile
from keysat_core.use_cases.merchants.delete_profile import delete_profile
from keysat_core.use_cases.merchants.list_profiles import show_profile
from keysat_core.use_cases.merchants.prefer_account import PreferAccount, prefer_account
from keysat_core.use_cases.merchants.update_profile import UpdateProfile, update_profile
from tests.support.builders import make_account
from tests.support.trade import OPERATOR, PATRON, Trade

NOBODY = MerchantProfileId("nobody")


def ports(trade: Trade) -> dict[str, Any]:
    return {"store": trade.store, "clock": trade.clock, "ids": trade.ids}


def create(
    trade: Trade,
    *,
    actor: Actor = OPERATOR,
    self_license: SelfLicense = PATRON,
    is_sandbox: bool = False,
    **fields: Any,
) -> MerchantProfile:
    command = CreateProfile(**({"name": "Notes"} | fields))
    return create_profile(
        actor, command, **ports(trade), self_license=self_license, is_sandbox=is_sandbox
    )


def update(trade: Trade, profile_id: MerchantProfileId, **fields: Any) -> MerchantProfile:
    command = UpdateProfile(profile_id=profile_id, **fields)
    return update_profile(OPERATOR, command, **ports(trade))


def delete(trade: Trade, profile_id: MerchantProfileId) -> MerchantProfile:
    return delete_profile(OPERATOR, profile_id, **ports(trade))


def prefer(
    trade: Trade, profile_id: MerchantProfileId, rail: str, account_id: str
) -> RailPreference:
    command = PreferAccount(
        profile_id=profile_id, rail=rail, account_id=ProviderAccountId(account_id)
    )
    return prefer_account(OPERATOR, command, **ports(trade))


def connect(trade: Trade, profile: MerchantProfile, **fields: Any) -> ProviderAccount:
    account = make_account(profile, **fields)
    with trade.store.writing() as tx:
        tx.merchants.put_account(account)
    return account


def preferences(trade: Trade, profile_id: MerchantProfileId) -> tuple[RailPreference, ...]:
    return show_profile(OPERATOR, profile_id, store=trade.store).preferences


def stored(trade: Trade, profile_id: MerchantProfileId) -> MerchantProfile:
    return show_profile(OPERATOR, profile_id, store=trade.store).profile
