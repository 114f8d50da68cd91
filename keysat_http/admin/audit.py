"""The audit log. Source: admin-api 2.11."""

from typing import Final

from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit_list import AuditFilter
from keysat_core.limits import AUDIT_PAGE_DEFAULT, AUDIT_PAGE_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server import list_audit as listing
from keysat_http.admin.paging import clamp_limit, read_instant
from keysat_http.routes import get
from keysat_http.views.audit import AuditList, audit_list_view

_TAGS: Final = ("audit",)


def read_filter(
    *,
    action: FromQuery[str] = "",
    actor_kind: FromQuery[str] = "",
    actor_hash: FromQuery[str] = "",
    actor_id: FromQuery[str] = "",
    target_kind: FromQuery[str] = "",
    target_id: FromQuery[str] = "",
    request_id: FromQuery[str] = "",
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    before_id: FromQuery[int | None] = None,
    limit: FromQuery[int] = AUDIT_PAGE_DEFAULT,
    offset: FromQuery[int] = 0,
) -> AuditFilter:
    """Take blank as absent. An offset that is too far is refused, or pages would come twice."""
    return AuditFilter(
        action=action or None,
        actor_kind=actor_kind or None,
        actor_hash=actor_hash or None,
        actor_id=actor_id or None,
        target_kind=target_kind or None,
        target_id=target_id or None,
        request_id=request_id or None,
        since=read_instant(since, field="since"),
        until=read_instant(until, field="until"),
        before_id=before_id,
        limit=clamp_limit(limit, AUDIT_PAGE_MAX),
        offset=max(offset, 0),
    )


@get(
    "/v1/admin/audit",
    dependencies={"criteria": Provide(read_filter, sync_to_thread=False)},
    tags=_TAGS,
)
def list_audit(
    criteria: NamedDependency[AuditFilter],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> AuditList:
    """List who changed what, newest first; every filter given must match.

    Page through a long log by ``before_id``, the last id of the page before.
    """
    return audit_list_view(listing.list_audit(actor, criteria, store=ports.store), criteria)
