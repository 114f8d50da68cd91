"""Discount codes, as operators manage them. Source: admin-api 2.9, B-19, B-21, B-24."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor
from keysat_core.domain.code import CodeDuration
from keysat_core.domain.ids import CodeId
from keysat_core.domain.instant import Instant, parse_rfc3339
from keysat_core.errors import NotFound, SlugTaken, StillReferenced, TierCapReached
from keysat_core.limits import CODES_PAGE_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.codes import create_code as creating
from keysat_core.use_cases.codes import delete_code as deleting
from keysat_core.use_cases.codes import list_codes as listing
from keysat_core.use_cases.codes import update_code as updating
from keysat_core.use_cases.codes.attribute_sales import attribute_sales
from keysat_http.admin.paging import clamp_limit, clamp_offset
from keysat_http.bodies import Flag, WholeNumber
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import delete, get, patch, post
from keysat_http.views.code import (
    AttributionReport,
    DeletedCode,
    DiscountCode,
    DiscountCodeDetail,
    DiscountCodeList,
    attribution_view,
    code_detail_view,
    code_list_view,
    code_view,
)
from keysat_http.views.outcome import DONE, Done

_PATH: Final = "/v1/admin/discount-codes"
_TAGS: Final = ("discount codes",)


class NewCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code to create.

    ``amount`` is in basis points for ``percent``, else in the smallest unit of ``discount_currency``.
    ``policy_slugs`` wins over ``policy_slug``; both need ``product_slug``.
    """

    code: str
    kind: str
    amount: WholeNumber
    discount_currency: str | None = None
    duration: str | None = None
    max_uses: WholeNumber | None = None
    expires_at: str | None = None
    product_slug: str | None = None
    policy_slugs: list[str] | None = None
    policy_slug: str | None = None
    referrer_label: str | None = None
    description: str | None = None
    featured: bool | None = None


class CodePatch(msgspec.Struct, frozen=True, kw_only=True):
    """What to change. A null cap, expiry or referrer clears it; any other null changes nothing."""

    amount: WholeNumber | None = None
    max_uses: WholeNumber | UnsetType | None = UNSET
    expires_at: str | UnsetType | None = UNSET
    description: str | None = None
    referrer_label: str | UnsetType | None = UNSET
    featured: bool | None = None
    policy_slugs: list[str] | None = None


class CodeActivity(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a code may be used."""

    active: bool


@post(_PATH, raises=[TierCapReached, SlugTaken, NotFound], tags=_TAGS)
def create_discount_code(
    data: JSONBody[NewCode], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> DiscountCode:
    """Create a code; it may be used at once."""
    slugs = data.policy_slugs
    if slugs is None:
        slugs = [] if data.policy_slug is None else [data.policy_slug]
    command = creating.CreateCode(
        code=data.code,
        kind=data.kind,
        amount=data.amount,
        discount_currency=data.discount_currency,
        duration=data.duration or CodeDuration.ONCE,
        max_uses=data.max_uses,
        expires_at=_instant(data.expires_at),
        product_slug=data.product_slug,
        policy_slugs=slugs,
        referrer_label=data.referrer_label,
        description=data.description or "",
        featured=data.featured or False,
    )
    code = creating.create_code(
        actor,
        command,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        self_license=ports.self_license,
    )
    return code_view(code)


@get(_PATH, tags=_TAGS)
def list_discount_codes(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    include_inactive: FromQuery[Flag] = "false",
    limit: FromQuery[int] = CODES_PAGE_MAX,
    offset: FromQuery[int] = 0,
) -> DiscountCodeList:
    """List codes, newest first; those that are switched off only when asked for."""
    page = listing.list_codes(
        actor,
        is_inactive_included=include_inactive == "true",
        limit=clamp_limit(limit, CODES_PAGE_MAX),
        offset=clamp_offset(offset),
        store=ports.store,
    )
    return code_list_view(page)


@get(_PATH + "/attribution", tags=_TAGS)
def attribute_discount_codes(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
) -> AttributionReport:
    """Tell which codes and referrers brought which sales, most revenue first."""
    attributed = attribute_sales(
        actor,
        since=_instant(since, field="since"),
        until=_instant(until, field="until"),
        store=ports.store,
    )
    return attribution_view(attributed)


@get(_PATH + "/{code_id:str}", raises=[NotFound], tags=_TAGS)
def get_discount_code(
    code_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> DiscountCodeDetail:
    """Show a code and its uses."""
    return code_detail_view(listing.show_code(actor, CodeId(code_id), store=ports.store))


@patch(_PATH + "/{code_id:str}", raises=[NotFound], tags=_TAGS)
def update_discount_code(
    data: JSONBody[CodePatch],
    code_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> DiscountCode:
    """Change a code; what is not sent stays."""
    expires_at = data.expires_at
    command = updating.UpdateCode(
        code_id=CodeId(code_id),
        amount=UNSET if data.amount is None else data.amount,
        max_uses=data.max_uses,
        expires_at=_instant(expires_at) if isinstance(expires_at, str) else expires_at,
        description=UNSET if data.description is None else data.description,
        referrer_label=data.referrer_label,
        featured=UNSET if data.featured is None else data.featured,
        policy_slugs=UNSET if data.policy_slugs is None else data.policy_slugs,
    )
    code = updating.update_code(actor, command, store=ports.store, clock=ports.clock, ids=ports.ids)
    return code_view(code)


@patch(_PATH + "/{code_id:str}/active", raises=[NotFound, TierCapReached], tags=_TAGS)
def set_discount_code_active(
    data: JSONBody[CodeActivity],
    code_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> Done:
    """Switch a code on or off."""
    updating.set_code_active(
        actor,
        updating.SetCodeActive(code_id=CodeId(code_id), active=data.active),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        self_license=ports.self_license,
    )
    return DONE


@delete(
    _PATH + "/{code_id:str}", raises=[NotFound, StillReferenced], tags=_TAGS, **REHEARSABLE_ROUTE
)
def delete_discount_code(
    code_id: FromPath[str], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> DeletedCode:
    """Delete a code that was never used."""
    gone = deleting.delete_code(
        actor, CodeId(code_id), store=ports.store, clock=ports.clock, ids=ports.ids
    )
    return DeletedCode(ok=True, deleted=gone.code)


def _instant(text: str | None, *, field: str = "expires_at") -> Instant | None:
    return None if text is None else parse_rfc3339(text, field=field)
