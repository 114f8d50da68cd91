"""Give out a consent link for connecting a BTCPay Server."""

import base64

import msgspec

from keysat_core.domain.actor import Actor, Scope
from keysat_core.domain.connecting import (
    STATE_BYTES,
    STATE_SECONDS,
    ConnectState,
    authorize_url,
    token_hash,
)
from keysat_core.domain.ids import MerchantProfileId
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.secret import Secret
from keysat_core.domain.setting import connect_failure_of
from keysat_core.domain.text import checked_text
from keysat_core.errors import (
    AlreadyConnected,
    Forbidden,
    InvariantError,
    NotConfigured,
)
from keysat_core.limits import NAME_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.connecting import BTCPayServer
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.store import Store, Transaction

NO_SERVER = "no BTCPay Server is configured; set BTCPAY_URL and restart"


class BeginConnect(msgspec.Struct, frozen=True, kw_only=True):
    """Which profile is to be paid; None: the default. ``store_id``: for keys of several stores."""

    merchant_profile_id: MerchantProfileId | None = None
    label: str | None = None
    store_id: str | None = None


class ConnectLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where the operator consents. ``token`` is the single-use credential of the callback."""

    authorize_url: str
    token: Secret
    merchant_profile_id: MerchantProfileId


def begin_connect(
    actor: Actor,
    command: BeginConnect,
    *,
    public_url: str,
    is_sandbox: bool,
    store: Store,
    clock: Clock,
    entropy: Entropy,
    btcpay: BTCPayServer | None,
) -> ConnectLink:
    """Remember a consent link and give it.

    The master key may always; a scoped key with ``payment_providers:write`` only in sandbox mode,
    and then ``finish_connect`` takes a store of a test network alone. Source: payments 6.9.

    Raises:
        Forbidden: the actor may not.
        NotConfigured: this server was not told of a BTCPay Server.
        InvariantError: no such profile, or a label or store id that is none.
        AlreadyConnected: the profile has a BTCPay Server.
    """
    is_scoped = _is_scoped(actor, is_sandbox=is_sandbox)
    if btcpay is None or btcpay.base_url is None or btcpay.browser_url is None:
        raise NotConfigured(NO_SERVER)
    label = _label(command.label)
    store_id = _store_id(command.store_id)
    now = clock.now()
    token = base64.b32encode(entropy.token(STATE_BYTES)).decode("ascii").rstrip("=")
    with store.writing() as tx:
        profile_id = _profile(tx, command.merchant_profile_id)
        kinds = {account.kind for account in tx.merchants.list_accounts(profile_id)}
        if ProviderKind.BTCPAY in kinds:
            raise AlreadyConnected(ProviderKind.BTCPAY)
        tx.settings.put_setting(connect_failure_of(profile_id), None, now)
        tx.connections.purge_states(Instant(now - STATE_SECONDS))
        tx.connections.put_state(
            ConnectState(
                token_hash=token_hash(token),
                merchant_profile_id=profile_id,
                label=label,
                store_id=store_id,
                is_scoped=is_scoped,
                initiator_hash=actor.hash,
                created_at=now,
            )
        )
    return ConnectLink(
        authorize_url=authorize_url(btcpay.browser_url, public_url, Secret(token)),
        token=Secret(token),
        merchant_profile_id=profile_id,
    )


def _label(text: str | None) -> str | None:
    if text is None or not text.strip():
        return None
    return checked_text(text.strip(), field="label", chars_max=NAME_CHARS_MAX)


def _store_id(text: str | None) -> str | None:
    """Take a store's id. A blank one names no store, least of all whichever there is."""
    if text is None:
        return None
    return checked_text(text.strip(), field="store_id", chars_max=NAME_CHARS_MAX, required=True)


def _is_scoped(actor: Actor, *, is_sandbox: bool) -> bool:
    """Let the actor through, and tell whether it is held to test networks."""
    if Scope.MASTER in actor.scopes:
        return False
    if Scope.PAYMENT_PROVIDERS_WRITE in actor.scopes and is_sandbox:
        return True
    raise Forbidden


def _profile(tx: Transaction, wanted: MerchantProfileId | None) -> MerchantProfileId:
    found = (
        tx.merchants.find_default_profile() if wanted is None else tx.merchants.find_profile(wanted)
    )
    if found is None:
        raise InvariantError("merchant_profile_id", "there is no such merchant profile")
    return found.id
