"""Connecting a BTCPay Server: the consent link, who may use it, and the test-network gate.

Source: payments 6.9 and 6.11, admin-api 1.3 and 2.15.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from keysat_core.domain.ids import MerchantProfileId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.errors import InvariantError, StoreUndecided

STATE_SECONDS: Final = 1_800
"""How long a consent link may be used (payments 6.9)."""

STATE_BYTES: Final = 20
"""Randomness of a state token: 32 characters of base32 (payments 6.9)."""

WEBHOOK_SECRET_BYTES: Final = 32
"""Randomness of a webhook secret: 52 characters of base32 (payments 6.7)."""

CALLBACK_PATH: Final = "/v1/btcpay/authorize/callback"
WEBHOOK_PATH: Final = "/v1/btcpay/webhook"
"""Our landings (payments 6.9, 9.1)."""

PERMISSIONS: Final = (
    "btcpay.store.canviewstoresettings",
    "btcpay.store.canmodifystoresettings",
    "btcpay.store.canviewinvoices",
    "btcpay.store.cancreateinvoice",
    "btcpay.store.canmodifyinvoices",
)
"""What is asked for, in this order. The second covers webhooks, receive address and lightning."""


_IMPLIED: Final[Mapping[str, frozenset[str]]] = {
    "btcpay.store.canmodifystoresettings": frozenset(
        {
            "btcpay.store.canviewstoresettings",
            "btcpay.store.webhooks.canmodifywebhooks",
            "btcpay.store.canmodifyinvoices",
            "btcpay.store.canviewinvoices",
            "btcpay.store.cancreateinvoice",
            "btcpay.store.canuselightningnode",
            "btcpay.store.canviewwallet",
        }
    ),
    "btcpay.store.canmodifyinvoices": frozenset(
        {"btcpay.store.canviewinvoices", "btcpay.store.cancreateinvoice"}
    ),
}
"""Which permission holds which others (payments 6.1 and 16.2)."""

_NEEDED: Final = (
    "btcpay.store.canviewstoresettings",
    "btcpay.store.webhooks.canmodifywebhooks",
    "btcpay.store.canviewinvoices",
    "btcpay.store.cancreateinvoice",
)
"""Without these nothing can be sold and no payment heard of."""


class BitcoinNetwork(StrEnum):
    """Which chain a store receives on."""

    MAINNET = "mainnet"
    TESTNET = "testnet"
    REGTEST = "regtest"
    UNDETERMINED = "undetermined"

    @property
    def is_test(self) -> bool:
        """Its money is known to be worthless. What cannot be determined counts as mainnet."""
        return self in {BitcoinNetwork.TESTNET, BitcoinNetwork.REGTEST}


class ConnectState(msgspec.Struct, frozen=True, kw_only=True):
    """A consent link that was given out. ``token_hash``: lower-hex SHA-256 of its token.

    ``is_scoped``: a scoped key started it, which ``initiator_hash`` names, so that only a store of a
    test network may be connected by it. ``store_id``: the store to take when the key covers several.
    """

    token_hash: str
    merchant_profile_id: MerchantProfileId | None
    label: str | None = None
    store_id: str | None = None
    is_scoped: bool = False
    initiator_hash: str | None = None
    created_at: Instant

    def is_usable(self, now: Instant) -> bool:
        """It is young enough; a clock set back does not revive it."""
        return 0 <= now - self.created_at <= STATE_SECONDS


class RemoteStore(msgspec.Struct, frozen=True, kw_only=True):
    """A store at a BTCPay Server."""

    id: str
    name: str


class RemoteWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as registered at a BTCPay Server."""

    id: str
    url: str
    is_enabled: bool


def token_hash(token: str) -> str:
    """Give how a state token is stored."""
    return sha256(token.encode("utf-8")).hexdigest()


def authorize_url(browser_base: str, public_url: str, token: Secret) -> str:
    """Build the consent link. The token lies inside the redirect, which BTCPay gives back."""
    redirect = f"{public_url}{CALLBACK_PATH}?state={token.reveal()}"
    fields = [
        ("applicationName", "Keysat"),
        ("applicationIdentifier", "keysat"),
        ("strict", "true"),
        ("selectiveStores", "true"),
        ("redirect", redirect),
        *(("permissions", permission) for permission in PERMISSIONS),
    ]
    return f"{browser_base}/api-keys/authorize?{urlencode(fields, quote_via=quote, safe='')}"


def chosen_store(stores: Sequence[RemoteStore], wanted: str | None) -> RemoteStore:
    """Choose the store to sell through: the wanted one, else the only one (decisions 20).

    Raises:
        InvariantError: the key covers no store.
        StoreUndecided: it covers several without a choice, or not the wanted one.
    """
    if not stores:
        raise InvariantError("store_id", "the key covers no store; grant one and connect again")
    known = [(store.id, store.name) for store in stores]
    if wanted is not None:
        for store in stores:
            if store.id == wanted:
                return store
        raise StoreUndecided(f"the key does not cover {wanted!r}; it covers", known)
    if len(stores) > 1:
        raise StoreUndecided("the key covers several stores; connect again with one of", known)
    return stores[0]


def missing_permissions(granted: Iterable[str], store_id: str) -> list[str]:
    """List what a key may not do at a store and must, to sell through it."""
    held: set[str] = set()
    for one in granted:
        name, _, scope = one.partition(":")
        if scope in {"", store_id}:
            held |= {name} | _IMPLIED.get(name, frozenset())
    return [] if UNRESTRICTED in held else [name for name in _NEEDED if name not in held]


def excess_permissions(granted: Iterable[str]) -> list[str]:
    """List what a key may do that was not asked for, or at every store instead of one."""
    asked = {*PERMISSIONS, *(name for names in _IMPLIED.values() for name in names)}
    return sorted(one for one in granted if one.partition(":")[0] not in asked or ":" not in one)


def is_supported(version: str) -> bool:
    """Tell whether a BTCPay Server is new enough: 2.0 or newer (decisions 19)."""
    major = version.split(".", 1)[0]
    # What is no number is a version of the future or of somebody's own.
    return major not in _TOO_OLD


_TOO_OLD: Final = frozenset({"0", "1"})

UNRESTRICTED: Final = "unrestricted"
"""The permission of a key that may do everything its user may."""

_BASE58: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{26,35}")
_BECH32_PREFIXES: Final = (
    ("bcrt1", BitcoinNetwork.REGTEST),
    ("tb1", BitcoinNetwork.TESTNET),
    ("bc1", BitcoinNetwork.MAINNET),
)
"""In this order, because one is the beginning of another (payments 6.11)."""


def network_of(address: str) -> BitcoinNetwork:
    """Classify a receive address. Source: payments 6.11."""
    text = address.strip()
    for prefix, network in _BECH32_PREFIXES:
        if text.lower().startswith(prefix):
            return network
    if _BASE58.fullmatch(text):
        if text[0] in "13":
            return BitcoinNetwork.MAINNET
        if text[0] in "mn2":
            return BitcoinNetwork.TESTNET
    return BitcoinNetwork.UNDETERMINED
