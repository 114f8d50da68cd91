"""Where sellers, their accounts, keys and settings are, and what may not be there any more."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from tests.support.earlier.keys import public_in, seed_in
from tests.support.earlier.mapping import NewRow, TableMap
from tests.support.earlier.old_rows import OldRow, OldShop
from tests.support.earlier.rules import (
    Cell,
    Column,
    Want,
    Wants,
    canonical,
    instant,
    names_in,
    own,
    same,
)

RAILS: Final = {"btcpay": {"lightning", "onchain"}, "zaprite": {"card", "lightning", "onchain"}}
GRANTABLE: Final = {"payment_providers:write"}


def _port(_: OldShop, row: OldRow) -> Wants:
    port = row["smtp_port"]
    if port is not None and not 1 <= port <= 65_535:
        return (Want(None, "admin-api 2.14: a port; no mail can be sent through another number"),)
    return (Want(port),)


PROFILES: Final = TableMap(
    "merchant_profiles",
    "merchant_profiles",
    (
        *(
            same(name)
            for name in (
                "id",
                "name",
                "legal_name",
                "support_url",
                "support_email",
                "brand_color",
                "post_purchase_redirect_url",
                "is_default",
                "smtp_host",
                "smtp_username",
                "smtp_password",
                "smtp_from_address",
                "smtp_from_name",
                "smtp_use_starttls",
            )
        ),
        Column("smtp_port", _port),
        instant("created_at"),
        instant("updated_at"),
    ),
)


def _set_of(cell: Cell) -> Cell:
    return canonical(json.dumps(sorted(names_in(cell) or [])))


PROVIDERS: Final = TableMap(
    "payment_providers",
    "payment_providers",
    (
        *(
            same(name)
            for name in (
                "id",
                "merchant_profile_id",
                "kind",
                "label",
                "api_key",
                "base_url",
                "webhook_id",
                "webhook_secret",
                "store_id",
            )
        ),
        Column(
            "served_rails",
            lambda _, row: (Want(canonical(json.dumps(sorted(RAILS[row["kind"]])))),),
            _set_of,
        ),
        own("disconnected_at", None),
        own("store_name", None),
        instant("connected_at"),
        instant("updated_at"),
    ),
)

RAIL_PREFERENCES: Final = TableMap(
    "merchant_profile_rail_preferences",
    "merchant_profile_rail_preferences",
    tuple(same(name) for name in ("merchant_profile_id", "rail", "payment_provider_id")),
    key=lambda row: f"{row['merchant_profile_id']} {row['rail']}",
)


def _key_in(read: Callable[[str], bytes]) -> Callable[[Cell], Cell]:
    def key(cell: Cell) -> Cell:
        try:
            return read(str(cell))
        except (ValueError, IndexError):
            return cell

    return key


SERVER_KEYS: Final = TableMap(
    "server_keys",
    "server_keys",
    (
        same("algorithm"),
        # The same key may be spelled in another version of its format (lifecycles 1.3).
        Column(
            "private_key_pem",
            lambda _, row: (Want(seed_in(row["private_key_pem"])),),
            _key_in(seed_in),
        ),
        Column(
            "public_key_pem",
            lambda _, row: (Want(public_in(row["public_key_pem"])),),
            _key_in(public_in),
        ),
        instant("created_at"),
    ),
    takes=("id",),
)


def _scopes(_: OldShop, row: OldRow) -> Wants:
    given = names_in(row["extra_scopes"])
    if given is None:
        why = "admin-api 1.2: malformed stored JSON grants nothing"
        return Want("[]", why), Want(row["extra_scopes"])
    return (Want(canonical(json.dumps(sorted(set(given) & GRANTABLE)))),)


API_KEYS: Final = TableMap(
    "scoped_api_keys",
    "api_keys",
    (
        *(same(name) for name in ("id", "label", "token_hash", "role")),
        Column("extra_scopes", _scopes, canonical),
        *(instant(name) for name in ("created_at", "last_used_at", "revoked_at")),
    ),
)


def _by_key(row: NewRow) -> str:
    return str(row["key"])


def _own_setting(row: NewRow) -> str | None:
    is_own = str(row["key"]).startswith(("import", "adopt", "backup."))
    return "decisions 24: what the import notes about itself" if is_own else None


def _wanted_value(_: OldShop, row: OldRow) -> Wants:
    if row["key"] == "community_analytics_enabled":
        # Both spellings are read as on (admin-api 4).
        return Want(row["value"]), Want("1" if row["value"] == "true" else row["value"])
    return (Want(row["value"]),)


SETTINGS: Final = TableMap(
    "settings",
    "settings",
    (same("key"), Column("value", _wanted_value), instant("updated_at")),
    key=_by_key,
    may_add=_own_setting,
)

SESSIONS: Final = TableMap(
    "sessions", "sessions", (), sources=lambda old: (), key=lambda row: str(row["token_hash"])
)
"""All are dropped (admin-api B-02)."""

CONNECT_STATES: Final = TableMap(
    "btcpay_authorize_state",
    "connect_states",
    (
        same("merchant_profile_id"),
        own("label"),
        own("store_id"),
        same("is_scoped", "scoped_initiator"),
        same("initiator_hash", "initiator_actor_hash"),
        instant("created_at"),
    ),
    takes=("state_token", "scoped_initiator", "initiator_actor_hash"),
    key=lambda row: str(row["token_hash"]),
    old_key=lambda row: sha256(row["state_token"].encode()).hexdigest(),
)
"""A link lives for 30 minutes, so all may be left behind (admin-api 2.15)."""
