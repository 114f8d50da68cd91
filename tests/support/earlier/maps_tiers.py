"""Where changes of tier and tips are; of several that are open or tried, one has to give way."""

from typing import Final

from tests.support.earlier.keys import instant_in
from tests.support.earlier.mapping import TableMap
from tests.support.earlier.old_rows import OldRow, OldShop
from tests.support.earlier.rules import (
    ANYTHING,
    SOMETHING,
    Column,
    Containing,
    Want,
    Wants,
    instant,
    own,
    same,
)

DOUBLE: Final = "lifecycles D38: at most one change to a tier is open"
TWO_TIPS: Final = "payments 13: at most one tip for a license counts as tried"


def _is_comp(row: OldRow) -> bool:
    return row["invoice_id"] is None


def _applied(old: OldShop, row: OldRow) -> Wants:
    at_once = (instant_in(row["effective_at"]) or 0) <= (instant_in(row["created_at"]) or 0)
    if at_once if _is_comp(row) else old.is_settled(row["invoice_id"]):
        # The one step that is taken without asking (lifecycles 13.2).
        return instant("applied_at", "created_at").rule(old, row)
    return (Want(None),)


def _withdrawn(old: OldShop, row: OldRow) -> Wants:
    if _applied(old, row)[0].value is not None:
        return (Want(None),)
    rivals = [
        each
        for each in old.changes_of_license[row["license_id"]]
        if _applied(old, each)[0].value is None
        and (each["to_policy_id"] == row["to_policy_id"] or (_is_comp(each) and _is_comp(row)))
    ]
    if max(rivals, key=lambda each: str(each["created_at"]))["id"] != row["id"]:
        return (Want(SOMETHING, None if old.has_ended(row["invoice_id"]) else DOUBLE),)
    if old.has_ended(row["invoice_id"]):
        # An order that ended unpaid makes room for a new one, which may have been noted.
        return (Want(ANYTHING),)
    return (Want(None),)


TIER_CHANGES: Final = TableMap(
    "tier_changes",
    "tier_changes",
    (
        *(
            same(name)
            for name in (
                "id",
                "license_id",
                "from_policy_id",
                "to_policy_id",
                "direction",
                "listed_currency",
                "proration_charge_value",
                "invoice_id",
                "actor",
                "reason",
            )
        ),
        instant("effective_at"),
        instant("created_at"),
        Column("applied_at", _applied),
        Column("withdrawn_at", _withdrawn),
    ),
)


def _gives_way(old: OldShop, row: OldRow) -> bool:
    """Say whether another tip for the license counts: one that was sent before one that was not."""
    others = [
        each
        for each in old.tips_of_license[row["license_id"]]
        if each["status"] != "skipped" and each is not row
    ]
    is_sent = row["status"] == "sent"
    return any(each["status"] == "sent" or not is_sent for each in others)


def _tip_status(old: OldShop, row: OldRow) -> Wants:
    wants = [Want(row["status"])]
    if row["status"] != "skipped" and _gives_way(old, row):
        wants.append(Want("skipped", TWO_TIPS))
    return tuple(wants)


def _tip_detail(old: OldShop, row: OldRow) -> Wants:
    wants = [Want(row["detail"])]
    if len(_tip_status(old, row)) > 1:
        # What it was must still be told.
        wants.append(Want(Containing(row["status"]), TWO_TIPS))
    return tuple(wants)


TIPS: Final = TableMap(
    "tip_attempts",
    "tip_attempts",
    (
        *(
            same(name)
            for name in (
                "id",
                "license_id",
                "policy_id",
                "recipient",
                "amount_sats",
                "pct_bps",
                "label",
                "payment_hash",
            )
        ),
        Column(
            "invoice_id",
            lambda old, row: (
                Want(None),
                Want(old.licenses[row["license_id"]]["invoice_id"]),
            ),
        ),
        Column("status", _tip_status),
        Column("detail", _tip_detail),
        own("bolt11", None),
        own("next_at", None),
        instant("created_at"),
    ),
)
