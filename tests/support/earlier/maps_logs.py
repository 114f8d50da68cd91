"""Where webhooks and what was noted are, and what of it must be nowhere any more."""

from hashlib import sha256
from typing import Any, Final

from tests.support.earlier.mapping import NewRow, TableMap
from tests.support.earlier.old_rows import OldRow, OldShop
from tests.support.earlier.rules import (
    ANYTHING,
    Cell,
    Column,
    Want,
    Wants,
    canonical,
    document,
    instant,
    own,
    same,
)

BARE: Final = "admin-api B-35: a secret is never empty; an endpoint without one is switched off"
SCRUBBED: Final = "admin-api B-02: rows of signing in do not name the session's token any more"
DEAD: Final = "lifecycles 10.3: an attempt is one of ten"


def _secret(_: OldShop, row: OldRow) -> Wants:
    return (Want(row["secret"]),) if row["secret"] else (Want(ANYTHING, BARE),)


def _is_active(_: OldShop, row: OldRow) -> Wants:
    return (Want(row["active"]),) if row["secret"] else (Want(0, BARE),)


ENDPOINTS: Final = TableMap(
    "webhook_endpoints",
    "webhook_endpoints",
    (
        *(same(name) for name in ("id", "url", "description")),
        Column("secret", _secret),
        Column("active", _is_active),
        document("event_types", "event_types"),
        own("deleted_at", None),
        own("previous_secret", None),
        own("previous_secret_until", None),
        instant("created_at"),
        instant("updated_at"),
    ),
)


def _state(_: OldShop, row: OldRow) -> Wants:
    if row["delivered_at"] is not None:
        return (Want("delivered"),)
    return (Want("dead" if row["next_attempt_at"] is None else "queued"),)


def _attempts(_: OldShop, row: OldRow) -> Wants:
    attempts = row["attempt_count"]
    return (Want(attempts),) if attempts <= 10 else (Want(10, DEAD),)


def _due(old: OldShop, row: OldRow) -> Wants:
    if row["delivered_at"] is not None:
        return (Want(None),)
    return instant("next_attempt_at").rule(old, row)


DELIVERIES: Final = TableMap(
    "webhook_deliveries",
    "webhook_deliveries",
    (
        *(same(name) for name in ("id", "endpoint_id", "last_status_code", "last_error")),
        same("event_type"),
        # The bytes that were signed, or will be (lifecycles 10.2).
        same("body", "payload_json"),
        Column("status", _state),
        Column("attempts", _attempts),
        Column("next_attempt_at", _due),
        instant("delivered_at"),
        instant("created_at"),
    ),
    takes=("payload_json", "attempt_count"),
    sql=(
        "SELECT d.*, o.event_type, o.body FROM webhook_deliveries AS d"
        " LEFT JOIN outbox AS o ON o.id = d.event_id"
    ),
)

STRAY_EVENTS: Final = TableMap(
    "webhook_deliveries",
    "outbox",
    (),
    sources=lambda old: (),
    sql="SELECT * FROM outbox WHERE id NOT IN (SELECT event_id FROM webhook_deliveries)",
)
"""Nothing happened that the earlier server did not tell of."""


def is_login(row: dict[str, Any]) -> bool:
    """Say whether an audit row names a session's token (admin-api B-02)."""
    return row["target_kind"] == "session" and row["target_id"] is not None


def _target(_: OldShop, row: OldRow) -> Wants:
    if is_login(row):
        digest = sha256(row["target_id"].encode()).hexdigest()
        prefixes = tuple(Want(digest[:size], SCRUBBED) for size in range(6, 17))
        return (Want(None, SCRUBBED), *prefixes)
    return (Want(row["target_id"]),)


def _carried_first(row: NewRow) -> str | None:
    is_own = "import" in str(row["action"]) or "adopt" in str(row["action"])
    return "decisions 24: what the import notes about itself" if is_own else None


AUDIT: Final = TableMap(
    "audit_log",
    "audit_log",
    (
        *(
            same(name)
            for name in (
                "actor_kind",
                "actor_hash",
                "action",
                "target_kind",
                "request_ip",
                "user_agent",
            )
        ),
        Column("target_id", _target),
        own("request_id", None),
        Column("details", lambda _, row: (Want(canonical(row["details_json"])),), canonical),
        instant("occurred_at"),
    ),
    takes=("id", "details_json"),
    sql="SELECT * FROM audit_log ORDER BY id",
    is_in_order=True,
    may_add=_carried_first,
)


def _hash(_: OldShop, row: OldRow) -> Wants:
    name: Cell = row["fingerprint"]
    return (Want(None if name is None else sha256(str(name).encode()).hexdigest()),)


VALIDATIONS: Final = TableMap(
    "validation_log",
    "validations",
    (
        *(
            same(name)
            for name in (
                "result",
                "license_id",
                "product_id",
                "machine_id",
                "client_ip",
                "user_agent",
            )
        ),
        Column("fingerprint_hash", _hash),
        same("detail", "reason_detail"),
        instant("occurred_at"),
    ),
    takes=("id", "fingerprint", "reason_detail"),
    sql="SELECT * FROM validations ORDER BY id",
    is_in_order=True,
    is_activity=True,
)
