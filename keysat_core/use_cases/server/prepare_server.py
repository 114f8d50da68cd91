"""First things at start: the default merchant profile and, in sandbox mode, the sandbox account."""

import msgspec

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.audit import audited
from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import (
    DEFAULT_PROFILE_NAME,
    MerchantProfile,
    ProviderAccount,
    ProviderKind,
    sandbox_account,
)
from keysat_core.domain.setting import OPERATOR_NAME
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction


class PreparedServer(msgspec.Struct, frozen=True, kw_only=True):
    """What a server starts with. ``sandbox_account`` None outside sandbox mode."""

    profile: MerchantProfile
    sandbox_account: ProviderAccount | None


def has_sandbox_account(*, store: Store) -> bool:
    """Tell whether the shop was ever open for pretend money, so that its licenses may be too."""
    with store.reading() as tx:
        accounts = tx.merchants.list_all_accounts(is_disconnected_included=True)
    return any(account.kind is ProviderKind.SANDBOX for account in accounts)


def prepare_server(
    *, operator_name: str | None, is_sandbox: bool, store: Store, clock: Clock, ids: Ids
) -> PreparedServer:
    """Make sure a default profile exists; in sandbox mode also an account of pretend money for each.

    Doing it again changes nothing (B-45). ``sandbox_account`` is the default profile's.
    """
    now = clock.now()
    with store.writing() as tx:
        profile = tx.merchants.find_default_profile()
        if profile is None:
            name = tx.settings.find_setting(OPERATOR_NAME) or operator_name
            profile = MerchantProfile(
                id=MerchantProfileId(ids.new()),
                name=name or DEFAULT_PROFILE_NAME,
                is_default=True,
                created_at=now,
                updated_at=now,
            )
            tx.merchants.put_profile(profile)
            target = ("merchant_profile", profile.id)
            tx.trail.append_audit(
                audited(SYSTEM, "merchant_profile.create", now, target=target, name=profile.name)
            )
        if not is_sandbox:
            return PreparedServer(profile=profile, sandbox_account=None)
        accounts = {one.id: _sandboxed(tx, one, ids, now) for one in tx.merchants.list_profiles()}
    return PreparedServer(profile=profile, sandbox_account=accounts[profile.id])


def _sandboxed(
    tx: Transaction, profile: MerchantProfile, ids: Ids, now: Instant
) -> ProviderAccount:
    """Give a profile's account of pretend money, a new one if it has none."""
    for account in tx.merchants.list_accounts(profile.id):
        if account.kind is ProviderKind.SANDBOX:
            return account
    account = sandbox_account(ProviderAccountId(ids.new()), profile, now)
    tx.merchants.put_account(account)
    target = ("payment_provider", account.id)
    tx.trail.append_audit(
        audited(SYSTEM, "payment_provider.connect", now, target=target, kind=account.kind)
    )
    return account
