"""The audit log as people read it. Source: admin-api 7, Audit log."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import msgspec
from litestar import Response
from litestar.di import NamedDependency

from keysat_core.domain.actor import ActorKind, Scope
from keysat_core.domain.audit_list import AuditFilter, AuditRow
from keysat_core.domain.document import JSONValue
from keysat_core.domain.instant import DAY_SECONDS, Instant, rfc3339_or_none
from keysat_core.use_cases.server.list_audit import list_audit
from keysat_core.use_cases.server.verify_audit import check_audit_end
from keysat_http.pages.admin.frame import Frame
from keysat_http.pages.admin.screens import screen
from keysat_http.pages.admin.tables import SHOWN_ROWS

PLACES: Final[Mapping[str, str]] = {
    "product": "/admin/products/",
    "policy": "/admin/policies/",
    "license": "/admin/licenses/",
    "subscription": "/admin/subscriptions/",
    "invoice": "/admin/invoices/",
    "discount_code": "/admin/codes/",
    "merchant_profile": "/admin/profiles/",
    "webhook_endpoint": "/admin/webhooks/",
}
"""The screens of what audit rows are about, one for each thing."""
SHARED_PLACES: Final[Mapping[str, str]] = {
    "api_key": "/admin/api-keys",
    "session": "/admin/security",
    "settings": "/admin/settings",
    "setting": "/admin/settings",
    "payment_provider": "/admin/profiles",
    "rate": "/admin/health",
}
"""The screens of what has none of its own."""
HASH_DIGITS: Final = re.compile("[0-9a-f]{64}")
"""A credential by its SHA-256; whatever else stands there is an id."""
ID_DIGITS_MAX: Final = 18
"""More digits than any row's id has."""
BEFORE: Final = "before"
AFTER: Final = "after"
"""Among the details: what fields were and have become; see ``domain.audit.before_and_after``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A field that has become something else."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A row: what it is about, who did it, what has changed, and whatever else is written down.

    ``who`` is the id of a key or session, or else the hash of what somebody proved themselves with.
    """

    row: AuditRow
    place: str | None
    who: str | None
    changes: list[Change]
    details: list[tuple[str, str]]


@screen("/admin/audit", needs=Scope.AUDIT_READ)
def show_audit(frame: NamedDependency[Frame]) -> Response[str]:
    """List who changed what, newest first."""
    criteria = _criteria(frame.query)
    page = list_audit(frame.actor, criteria, store=frame.ports.store)
    return frame.page(
        "admin/audit.html",
        lines=[_line(row) for row in page.rows],
        total=page.total,
        is_full=len(page.rows) == SHOWN_ROWS,
        actors=[kind.value for kind in ActorKind],
        export=_export_query(criteria),
        end=check_audit_end(frame.actor, store=frame.ports.store),
    )


def _criteria(query: Mapping[str, str]) -> AuditFilter:
    who = query.get("who", "").strip()
    is_hash = HASH_DIGITS.fullmatch(who) is not None
    return AuditFilter(
        action=query.get("action", "").strip() or None,
        actor_kind=query.get("actor") or None,
        actor_hash=who if is_hash else None,
        actor_id=who if who and not is_hash else None,
        target_id=query.get("target", "").strip() or None,
        since=_midnight(query.get("since", "")),
        until=_midnight(query.get("until", ""), days_later=1),
        before_id=_row_id(query.get("older_than", "")),
        limit=SHOWN_ROWS,
    )


def _export_query(criteria: AuditFilter) -> dict[str, str]:
    """Ask the export for what is shown, whatever page of it."""
    asked = {
        "action": criteria.action,
        "actor_kind": criteria.actor_kind,
        "actor_hash": criteria.actor_hash,
        "actor_id": criteria.actor_id,
        "target_id": criteria.target_id,
        "since": rfc3339_or_none(criteria.since),
        "until": rfc3339_or_none(criteria.until),
    }
    return {name: value for name, value in asked.items() if value is not None}


def _row_id(text: str) -> int | None:
    is_id = text.isascii() and text.isdigit() and len(text) <= ID_DIGITS_MAX
    return int(text) if is_id else None


def _midnight(text: str, *, days_later: int = 0) -> Instant | None:
    """Read a day as a date field spells it; what is none does not filter."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return Instant(max(0, int(moment.timestamp())) + days_later * DAY_SECONDS)


def _line(row: AuditRow) -> Line:
    entry = row.entry
    kind = entry.target_kind or ""
    place = PLACES.get(kind)
    before, after = entry.details.get(BEFORE), entry.details.get(AFTER)
    is_change = isinstance(before, dict) and isinstance(after, dict)
    actor_id = entry.details.get("actor_id")
    return Line(
        row=row,
        place=place + quote(entry.target_id, safe="")
        if place and entry.target_id
        else SHARED_PLACES.get(kind),
        who=actor_id if isinstance(actor_id, str) else entry.actor_hash,
        changes=_changes(before, after)
        if isinstance(before, dict) and isinstance(after, dict)
        else [],
        details=[
            (name, _spelled(value))
            for name, value in entry.details.items()
            if not (is_change and name in {BEFORE, AFTER})
        ],
    )


def _changes(before: Mapping[str, JSONValue], after: Mapping[str, JSONValue]) -> list[Change]:
    return [
        Change(field=name, before=_spelled(before.get(name)), after=_spelled(after.get(name)))
        for name in dict.fromkeys((*before, *after))
    ]


def _spelled(value: JSONValue) -> str:
    """Spell a value as one reads it; a text as it is, so that quotes are the text's own."""
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode("utf-8")
