"""Where products, policies and discount codes are, and what sheets demand to be changed in them."""

import json
from typing import Final

from tests.support.earlier.keys import instant_in
from tests.support.earlier.mapping import Gone, TableMap
from tests.support.earlier.old_rows import OldRow, OldShop
from tests.support.earlier.rules import (
    Cell,
    Column,
    Containing,
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

NAME_CHARS: Final = 200
NO_NAME: Final = "admin-api B-36, decisions 24: our own schema has a name of 1..200 characters"
NEGATIVE: Final = "lifecycles 4.1: at least 0 on write; a negative one already meant nothing"
UNREADABLE_CATALOG: Final = "lifecycles 4.4: an unparseable stored catalog reads as none"
EMPTIED: Final = "admin-api B-16: a code whose scope became empty is disabled, never widened"
PRUNED: Final = "admin-api B-16: ids of policies that are gone are pruned from lists"
ALONE: Final = "lifecycles 6.1: a policy scope needs a product scope"
NO_USES: Final = "lifecycles 6.1: max_uses is at least 1; the code could not be used and cannot be"
UNREADABLE_CODE: Final = "admin-api B-21, lifecycles D33: garbage never expired, and is no instant"


def _catalog(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    try:
        return canonical(json.dumps([{"description": "", **each} for each in json.loads(cell)]))
    except (TypeError, ValueError):
        return cell


def _wanted_catalog(_: OldShop, row: OldRow) -> Wants:
    text = row["entitlements_catalog_json"]
    if text is None:
        return (Want("[]"),)
    try:
        json.loads(text)
    except ValueError:
        return (Want("[]", UNREADABLE_CATALOG),)
    return (Want(_catalog(text)),)


def _name(_: OldShop, row: OldRow) -> Wants:
    wants = [Want(row["name"])]
    if not row["name"].strip():
        wants += [Want(row["slug"], NO_NAME), Want(row["id"], NO_NAME)]
    elif len(row["name"]) > NAME_CHARS:
        wants.append(Want(row["name"][:NAME_CHARS], NO_NAME))
    return tuple(wants)


PRODUCTS: Final = TableMap(
    "products",
    "products",
    (
        *(same(name) for name in ("id", "slug", "description", "price_currency")),
        Column("name", _name),
        at_least("price_value", 0, NEGATIVE),
        same("active"),
        document("metadata", "metadata_json"),
        Column("entitlements_catalog", _wanted_catalog, _catalog),
        same("merchant_profile_id"),
        instant("created_at"),
        instant("updated_at"),
    ),
    takes=("metadata_json", "entitlements_catalog_json"),
    gone=(
        Gone(
            "price_sats",
            "lifecycles 5: price_sats is price_value for SAT and 0 otherwise, whatever a row says",
            lambda _, row: (
                row["price_sats"] != (row["price_value"] if row["price_currency"] == "SAT" else 0)
            ),
        ),
    ),
)


def _tip(name: str, empty: Cell) -> Column:
    def rule(_: OldShop, row: OldRow) -> Wants:
        if row["tip_recipient"] and row["tip_pct_bps"] > 0:
            return (Want(row[name]),)
        why = "lifecycles 4.1: a recipient is set exactly when the share is above 0"
        return (Want(empty, None if row[name] == empty else why),)

    return Column(name, rule)


def _metadata(_: OldShop, row: OldRow) -> Wants:
    wants = [Want(canonical(row["metadata_json"]))]
    read = json.loads(row["metadata_json"])
    if not isinstance(read, dict):
        why = "lifecycles 4.1: metadata is an object, which has what it was in it"
        wants.append(Want(Containing(row["metadata_json"].strip('[]"')), why))
    return tuple(wants)


def _period(_: OldShop, row: OldRow) -> Wants:
    days = row["renewal_period_days"] or 0
    if days < row["is_recurring"]:
        return (Want(1, "lifecycles 8.2: period = max(1, renewal_period_days)"),)
    return (Want(days),)


POLICIES: Final = TableMap(
    "policies",
    "policies",
    (
        *(same(name) for name in ("id", "product_id", "slug")),
        Column("name", _name),
        *(
            at_least(name, 0, NEGATIVE)
            for name in ("duration_seconds", "grace_seconds", "price_sats_override", "trial_days")
        ),
        at_least("max_machines", 0, "lifecycles 3: negative (legacy) is unlimited, as 0 is"),
        same("is_trial"),
        document("entitlements", "entitlements_json"),
        Column("metadata", _metadata, canonical),
        _tip("tip_recipient", None),
        _tip("tip_pct_bps", 0),
        _tip("tip_label", None),
        *(same(name) for name in ("active", "public", "is_recurring", "tier_rank")),
        Column("renewal_period_days", _period),
        at_least("grace_period_days", 0, NEGATIVE),
        instant("archived_at"),
        instant("created_at"),
        instant("updated_at"),
    ),
    takes=("entitlements_json", "metadata_json"),
    gone=(
        Gone(
            "price_currency_override",
            "lifecycles 4.1: never read; the schema is our own (decisions 24)",
            lambda _, row: row["price_currency_override"] is not None,
        ),
        Gone(
            "price_value_override",
            "lifecycles 4.1: never read; the schema is our own (decisions 24)",
            lambda _, row: row["price_value_override"] not in {None, row["price_sats_override"]},
        ),
    ),
)


def _scope(old: OldShop, row: OldRow) -> tuple[list[str], str | None]:
    """Give the policies that a code is good for, and why these (lifecycles 6.1)."""
    named = names_in(row["applies_to_policy_ids_json"]) or []
    single = row["applies_to_policy_id"]
    wanted = named or ([single] if single else [])
    there = [each for each in wanted if each in old.policies]
    if wanted and not there:
        return [], EMPTIED
    return there, PRUNED if there != wanted else None


def _wanted_scope(old: OldShop, row: OldRow) -> Wants:
    ids, why = _scope(old, row)
    wants = [Want(canonical(json.dumps(ids)), why)]
    if why == EMPTIED:
        # Left as it was is right as well: it is good for nothing then.
        wants.append(Want(canonical(row["applies_to_policy_ids_json"])))
    if ids and row["applies_to_product_id"] is None:
        wants.append(Want("[]", ALONE))
    return tuple(wants)


def _wanted_product(old: OldShop, row: OldRow) -> Wants:
    ids, _ = _scope(old, row)
    if ids and row["applies_to_product_id"] is None:
        return Want(old.policies[ids[0]]["product_id"], ALONE), Want(None)
    return (Want(row["applies_to_product_id"]),)


AS_TEXT: Final = "lifecycles D33: an expiry that is none was compared as text, and may be over"


def _wanted_active(old: OldShop, row: OldRow) -> Wants:
    ids, why = _scope(old, row)
    if why == EMPTIED:
        return (Want(0, EMPTIED),)
    if row["max_uses"] is not None and row["max_uses"] < 1:
        return (Want(0, NO_USES),)
    if ids and row["applies_to_product_id"] is None:
        return Want(row["active"]), Want(0, ALONE)
    if row["expires_at"] is not None and instant_in(row["expires_at"]) is None:
        return Want(row["active"]), Want(0, AS_TEXT)
    return (Want(row["active"]),)


def _wanted_uses(_: OldShop, row: OldRow) -> Wants:
    if row["max_uses"] is not None and row["max_uses"] < 1:
        return (Want(max(1, row["used_count"]), NO_USES),)
    return (Want(row["max_uses"]),)


CODES: Final = TableMap(
    "discount_codes",
    "discount_codes",
    (
        *(same(name) for name in ("id", "code", "kind", "amount", "discount_currency")),
        own("duration", "once"),
        Column("max_uses", _wanted_uses),
        same("used_count"),
        instant("expires_at", why_not=UNREADABLE_CODE),
        Column("applies_to_product_id", _wanted_product),
        Column("applies_to_policy_ids", _wanted_scope, canonical),
        *(same(name) for name in ("referrer_label", "description", "featured")),
        Column("active", _wanted_active),
        instant("created_at"),
        instant("updated_at"),
    ),
    takes=("applies_to_policy_id", "applies_to_policy_ids_json"),
)

REDEMPTIONS: Final = TableMap(
    "discount_redemptions",
    "code_redemptions",
    (
        *(
            same(name)
            for name in (
                "id",
                "code_id",
                "invoice_id",
                "license_id",
                "status",
                "discount_applied_sats",
                "base_price_sats",
                "final_price_sats",
            )
        ),
        instant("created_at"),
        instant("updated_at"),
    ),
)
