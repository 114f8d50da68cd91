"""Where invoices, licenses and machines are, and what sheets demand to be changed in them."""

import json
from typing import Final

from tests.support.earlier.mapping import TableMap
from tests.support.earlier.old_rows import OldRow, OldShop
from tests.support.earlier.rules import (
    ANYTHING,
    SOMETHING,
    Column,
    Want,
    Wants,
    at_least,
    canonical,
    document,
    instant,
    names_in,
    own,
    same,
)

STATUSES: Final = {"pending", "settled", "expired", "invalid"}
STANDING: Final = {"active", "suspended", "revoked"}
UNREADABLE: Final = "admin-api B-21: the key of such a row is perpetual, and must stay what it is"
UNKNOWN: Final = "lifecycles 2.3: a status that is none answers invalid_state, never ok"
OVERWRITTEN: Final = "lifecycles 7.1, D11: settled is absorbing, and there is its license"
SOLD: Final = {"active", "past_due"}


def _status(old: OldShop, row: OldRow) -> Wants:
    if row["status"] not in STATUSES:
        return (Want("pending", "lifecycles 7.1: unknown text reads as pending"),)
    wants = [Want(row["status"])]
    if _was_overwritten(old, row):
        wants.append(Want("settled", OVERWRITTEN))
    return tuple(wants)


def _was_overwritten(old: OldShop, row: OldRow) -> bool:
    """Say whether an invoice that was paid for a license was ended by a later webhook (D11)."""
    return row["status"] in {"expired", "invalid"} and row["id"] in old.license_of_invoice


def _provider(old: OldShop, row: OldRow) -> Wants:
    if row["payment_provider_id"] is not None:
        return (Want(row["payment_provider_id"]),)
    wants = [Want(None)]
    for cycle in old.cycles_of_invoice[row["id"]]:
        account = old.subscriptions[cycle["subscription_id"]]["payment_provider_id"]
        wants.append(Want(account, "lifecycles D37: a renewal is at its subscription's account"))
    if old.default_provider is not None:
        why = "lifecycles 13.3 (21): the first account of the default profile"
        wants.append(Want(old.default_provider["id"], why))
    return tuple(wants)


def _provider_invoice(_: OldShop, row: OldRow) -> Wants:
    return (Want(row["btcpay_invoice_id"]),)


def _base(old: OldShop, row: OldRow) -> Wants:
    redemption = old.redemption_of_invoice.get(row["id"])
    if redemption is None:
        return (Want(row["amount_sats"]),)
    # Free redemptions say 0 for all three (lifecycles 6.4).
    return Want(redemption["base_price_sats"]), Want(row["amount_sats"])


def _settled(old: OldShop, row: OldRow) -> Wants:
    (want,) = instant("settled_at", "updated_at").rule(old, row)
    if _was_overwritten(old, row):
        return Want(None), Want(want.value, OVERWRITTEN)
    return (want,) if old.is_settled(row["id"]) else (Want(None),)


def _has_effect(old: OldShop, row: OldRow) -> bool:
    return bool(
        row["id"] in old.license_of_invoice
        or old.changes_of_invoice[row["id"]]
        or any(cycle["cycle_number"] > 1 for cycle in old.cycles_of_invoice[row["id"]])
    )


def _effect(old: OldShop, row: OldRow) -> Wants:
    if _was_overwritten(old, row):
        return Want(None), Want(SOMETHING, OVERWRITTEN)
    is_done = old.is_settled(row["id"]) and _has_effect(old, row)
    return (Want(SOMETHING if is_done else None),)


def _held(old: OldShop, row: OldRow) -> Wants:
    """Hold what was paid for nothing until the operator looked: no worker may repair it (D12)."""
    is_left = old.is_settled(row["id"]) and not _has_effect(old, row)
    return (Want(SOMETHING if is_left else None),)


def _folded(_: OldShop, row: OldRow) -> Wants:
    return (Want(None if row["buyer_email"] is None else row["buyer_email"].casefold()),)


INVOICES: Final = TableMap(
    "invoices",
    "invoices",
    (
        *(same(name) for name in ("id", "product_id", "policy_id", "buyer_email", "buyer_note")),
        Column("status", _status),
        at_least("amount_sats", 0, "lifecycles 0: amounts are at least 0"),
        *(
            same(name)
            for name in (
                "checkout_url",
                "listed_currency",
                "listed_value",
                "exchange_rate_centibps",
                "exchange_rate_source",
            )
        ),
        Column("payment_provider_id", _provider),
        Column("provider_invoice_id", _provider_invoice),
        Column("base_price_sats", _base),
        Column("buyer_email_folded", _folded),
        Column("settled_at", _settled),
        Column("effect_at", _effect),
        Column("held_at", _held),
        own("provider_status_raw", None),
        own("last_checked_at", None),
        own("rail", None),
        own("redirect_url"),
        own("settled_by", None, "provider"),
        own("attention", None),
        instant("created_at"),
        instant("updated_at"),
    ),
    takes=("btcpay_invoice_id",),
)


def _standing(_: OldShop, row: OldRow) -> Wants:
    if row["status"] not in STANDING:
        return (Want("suspended", UNKNOWN),)
    return (Want(row["status"]),)


def _stopped(column: Column) -> Column:
    def rule(old: OldShop, row: OldRow) -> Wants:
        if row["status"] not in STANDING:
            return (Want(ANYTHING, UNKNOWN),)
        return column.rule(old, row)

    return Column(column.new, rule)


def _entitlements(_: OldShop, row: OldRow) -> Wants:
    wants = [Want(canonical(row["entitlements_json"]))]
    names = names_in(row["entitlements_json"]) or []
    # An empty one is legal on the wire, so keys with it were given out (lifecycles 1.2).
    fitting = [name for name in names if len(name.encode()) <= 255][:255]
    if fitting != names:
        why = (
            "lifecycles D34: no key can hold more than 255 of at most 255 bytes, and none ever did"
        )
        wants.append(Want(canonical(json.dumps(fitting)), why))
    return tuple(wants)


def _grace(old: OldShop, row: OldRow) -> Wants:
    subscription = old.subscription_of_license.get(row["id"])
    wants = list(at_least("grace_seconds", 0, "lifecycles 4.1: at least 0").rule(old, row))
    if subscription is not None and subscription["status"] in SOLD:
        days = old.policies[subscription["policy_id"]]["grace_period_days"]
        why = "decisions 12: grace_seconds carries the grace of the subscription"
        wants.append(Want(max(row["grace_seconds"], days * 86_400), why))
    return tuple(wants)


LICENSES: Final = TableMap(
    "licenses",
    "licenses",
    (
        *(
            same(name)
            for name in (
                "id",
                "product_id",
                "policy_id",
                "invoice_id",
                "is_trial",
                "fingerprint",
                "buyer_email",
                "nostr_npub",
                "bound_identity",
                "revocation_reason",
            )
        ),
        Column("status", _standing),
        instant("issued_at"),
        instant("expires_at", why_not=UNREADABLE),
        Column("grace_seconds", _grace),
        at_least("max_machines", 0, "lifecycles 3: negative (legacy) is unlimited, as 0 is"),
        Column("entitlements", _entitlements, canonical),
        document("metadata", "metadata_json"),
        _stopped(instant("suspended_at")),
        _stopped(same("suspension_reason")),
        instant("revoked_at"),
        Column("buyer_email_folded", _folded),
    ),
    takes=("entitlements_json", "metadata_json"),
)


def _heard(old: OldShop, row: OldRow) -> Wants:
    # A machine was heard of when it was activated, if never again (lifecycles 3.1).
    name = "activated_at" if row["last_heartbeat_at"] is None else "last_heartbeat_at"
    return instant("last_heartbeat_at", name).rule(old, row)


MACHINES: Final = TableMap(
    "machines",
    "machines",
    (
        *(
            same(name)
            for name in (
                "id",
                "license_id",
                "fingerprint",
                "fingerprint_hash",
                "hostname",
                "platform",
                "ip_last_seen",
                "deactivation_reason",
            )
        ),
        instant("activated_at"),
        Column("last_heartbeat_at", _heard),
        instant("deactivated_at"),
        Column(
            "product_id",
            lambda old, row: (Want(old.licenses[row["license_id"]]["product_id"]),),
        ),
    ),
)
