"""Where subscriptions, cycles and cards are, and what had to give way there.

Our schema takes one of a kind where the earlier one took several: what is too much is set aside
and reported, and never lost.
"""

from typing import Final

from tests.support.earlier.keys import instant_in
from tests.support.earlier.mapping import Gone, TableMap
from tests.support.earlier.old_rows import OldRow, OldShop
from tests.support.earlier.rules import (
    ANYTHING,
    SOMETHING,
    Column,
    Want,
    Wants,
    at_least,
    instant,
    own,
    same,
)

DAY: Final = 86_400
TWIN: Final = "lifecycles D1: an invoice is of one cycle only, that of the subscription it renewed"
PILED: Final = "lifecycles D6: at most one cycle is open; older ones that were not paid are past"
NO_DATE: Final = "lifecycles 8.1: the end of the last cycle, else of the first period"
NO_LENGTH: Final = "lifecycles 8.3: a cycle ends a period after it began"
REVIVED: Final = "lifecycles D10: it was cancelled, and a late payment revived it"
DUE_SINCE: Final = "lifecycles 8.6: it is due since the end of what was paid, whoever was asked"
NEVER_LAPSED: Final = "lifecycles D6: nobody lapsed; the time to pay begins with the import"
TRIAL: Final = "lifecycles 8.2: the first cycle of a trial ends with the trial"
LIVE: Final = {"active", "past_due"}


def _next(old: OldShop, row: OldRow) -> Wants:
    """Ask for the end of what was paid, and for time to pay where that is over."""
    wants = _noted_next(old, row)
    noted, paid = wants[-1].value, _paid_until(old, row)
    assert isinstance(noted, int)
    if paid is not None and paid < noted:
        wants = (Want(paid, DUE_SINCE),)
        noted = paid
    if row["status"] in LIVE:
        grace = max(0, old.policies[row["policy_id"]]["grace_period_days"])
        if noted + grace * DAY <= old.imported_at:
            wants = (*wants, Want(old.imported_at, NEVER_LAPSED))
    return wants


def _paid_until(old: OldShop, row: OldRow) -> int | None:
    """Say when the last paid cycle ended: at the latest when the next one was asked for."""
    cycles = sorted(
        old.cycles_of_subscription[row["id"]], key=lambda each: int(each["cycle_number"])
    )
    paid = [each for each in cycles if old.is_settled(each["invoice_id"])]
    if not paid:
        return None
    later = [each for each in cycles if each["cycle_number"] > paid[-1]["cycle_number"]]
    ends = [instant_in(paid[-1]["cycle_end_at"])]
    ends += [instant_in(each["cycle_start_at"]) for each in later]
    return min(end for end in ends if end is not None)


def _noted_next(old: OldShop, row: OldRow) -> Wants:
    if row["next_renewal_at"] is not None:
        return instant("next_renewal_at").rule(old, row)
    ends = [instant_in(each["cycle_end_at"]) or 0 for each in old.cycles_of_subscription[row["id"]]]
    first = (instant_in(row["started_at"]) or 0) + row["period_days"] * DAY
    return (Want(max(ends, default=first), NO_DATE),)


def _cancelled(old: OldShop, row: OldRow) -> Wants:
    wants = instant("cancelled_at").rule(old, row)
    if row["cancelled_at"] is not None and row["status"] != "cancelled":
        wants = (*wants, Want(None, REVIVED))
    return wants


SUBSCRIPTIONS: Final = TableMap(
    "subscriptions",
    "subscriptions",
    (
        *(
            same(name)
            for name in (
                "id",
                "license_id",
                "product_id",
                "policy_id",
                "status",
                "period_days",
                "listed_currency",
                "cancellation_reason",
                "consecutive_failures",
                "merchant_profile_id",
                "payment_provider_id",
            )
        ),
        at_least("listed_value", 0, "lifecycles 8.2: a price is at least 0"),
        instant("started_at"),
        Column("next_renewal_at", _next),
        Column(
            "grace_period_days",
            lambda old, row: (Want(max(0, old.policies[row["policy_id"]]["grace_period_days"])),),
        ),
        Column(
            "license_grace_seconds",
            lambda old, row: (Want(max(0, old.licenses[row["license_id"]]["grace_seconds"])),),
        ),
        Column(
            "next_action_at",
            lambda old, row: (
                Want(
                    SOMETHING
                    if row["status"] in LIVE
                    and old.licenses[row["license_id"]]["status"] == "active"
                    else ANYTHING
                ),
            ),
        ),
        Column("cancelled_at", _cancelled),
        *(instant(name) for name in ("last_renewal_attempt_at", "updated_at")),
    ),
    takes=(
        "zaprite_contact_id",
        "zaprite_payment_profile_id",
        "zaprite_payment_profile_method",
        "zaprite_payment_profile_expires_at",
    ),
    gone=(
        Gone(
            "created_at",
            "lifecycles 8.2: a subscription is created when it starts",
            lambda _, row: instant_in(row["created_at"]) != instant_in(row["started_at"]),
        ),
        Gone(
            "zaprite_payment_profile_id",
            "lifecycles 8.4: a card is kept with the invoice that saved it, and there is none",
            lambda old, row: (
                bool(row["zaprite_payment_profile_id"]) and not _has_card_place(old, row)
            ),
        ),
    ),
)


def _has_card_place(old: OldShop, row: OldRow) -> bool:
    """Say whether there is a paid cycle that a card can be kept with (lifecycles 8.4)."""
    cycles = old.cycles_of_subscription[row["id"]]
    return bool(
        row["payment_provider_id"]
        and row["zaprite_contact_id"]
        and any(
            old.is_settled(cycle["invoice_id"]) and _is_first_use(old, cycle) for cycle in cycles
        )
    )


def _cards(old: OldShop) -> list[OldRow]:
    return [
        row
        for row in old.tables["subscriptions"]
        if row["zaprite_payment_profile_id"] and _has_card_place(old, row)
    ]


CARDS: Final = TableMap(
    "subscriptions",
    "saved_payments",
    (
        same("payment_provider_id"),
        own("state", "saved"),
        own("looks"),
        own("next_at", None),
        same("contact_id", "zaprite_contact_id"),
        same("profile_id", "zaprite_payment_profile_id"),
        same("method", "zaprite_payment_profile_method"),
        instant("expires_at", "zaprite_payment_profile_expires_at"),
        own("created_at", SOMETHING),
        own("updated_at", SOMETHING),
    ),
    sources=_cards,
    # Renewals look for it at paid cycles.
    sql=(
        "SELECT p.*, c.subscription_id FROM saved_payments AS p LEFT JOIN subscription_cycles AS c"
        " ON c.invoice_id = p.invoice_id AND c.settled_at IS NOT NULL"
    ),
    key=lambda row: str(row["subscription_id"]),
    old_key=lambda row: str(row["id"]),
)


def _is_first_use(old: OldShop, row: OldRow) -> bool:
    """Say whether a cycle is the one its invoice was made for: renewals were, twins were not."""
    uses = old.cycles_of_invoice[row["invoice_id"]]
    return row is max(uses, key=lambda each: int(each["cycle_number"]))


def _cycle_invoice(old: OldShop, row: OldRow) -> Wants:
    if not _is_first_use(old, row):
        return (Want(None, TWIN),)
    return (Want(row["invoice_id"]),)


def _cycle_settled(old: OldShop, row: OldRow) -> Wants:
    return (Want(SOMETHING if old.is_settled(row["invoice_id"]) else None),)


def _cycle_superseded(old: OldShop, row: OldRow) -> Wants:
    if old.is_settled(row["invoice_id"]):
        return (Want(None),)
    unpaid = [
        each
        for each in old.cycles_of_subscription[row["subscription_id"]]
        if not old.is_settled(each["invoice_id"])
    ]
    if max(unpaid, key=lambda each: int(each["cycle_number"]))["id"] != row["id"]:
        # Whoever did not pay in time is asked by another invoice anyway.
        return (Want(SOMETHING, None if old.has_ended(row["invoice_id"]) else PILED),)
    # One that ended unpaid is waiting to be replaced, which may have been noted.
    return (Want(ANYTHING),)


def _cycle_end(old: OldShop, row: OldRow) -> Wants:
    start, end = instant_in(row["cycle_start_at"]), instant_in(row["cycle_end_at"])
    if start is not None and end is not None and end <= start:
        days = old.subscriptions[row["subscription_id"]]["period_days"]
        return (Want(start + days * DAY, NO_LENGTH),)
    if row["cycle_number"] != 1 or end is None or not old.is_settled(row["invoice_id"]):
        return (Want(end),)
    second = [
        instant_in(each["cycle_start_at"])
        for each in old.cycles_of_subscription[row["subscription_id"]]
        if each["cycle_number"] == 2
    ]
    noted = instant_in(old.subscriptions[row["subscription_id"]]["next_renewal_at"])
    true_end = second[0] if second else noted
    if true_end is None or true_end >= end:
        return (Want(end),)
    return Want(true_end, TRIAL), Want(old.imported_at, TRIAL)


CYCLES: Final = TableMap(
    "subscription_invoices",
    "subscription_cycles",
    (
        *(same(name) for name in ("id", "subscription_id", "cycle_number")),
        Column("invoice_id", _cycle_invoice),
        instant("cycle_start_at"),
        Column("cycle_end_at", _cycle_end),
        Column("settled_at", _cycle_settled),
        Column("superseded_at", _cycle_superseded),
        instant("created_at"),
    ),
)
