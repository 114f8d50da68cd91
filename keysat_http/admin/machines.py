"""Machines, as operators see and free them. Source: admin-api 2.7, B-20."""

from typing import Final

from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import LicenseId, MachineId, ProductId
from keysat_core.domain.listing import MachineFilter
from keysat_core.errors import NotFound
from keysat_core.limits import MACHINES_PAGE_DEFAULT, MACHINES_PAGE_MAX
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.machines.deactivate_machine import release_machine
from keysat_core.use_cases.machines.list_machines import list_machines as list_use_case
from keysat_http.admin.paging import clamp_limit, clamp_offset
from keysat_http.admin.reason import Why
from keysat_http.bodies import Flag
from keysat_http.request_ports import REHEARSABLE_ROUTE
from keysat_http.routes import get, post
from keysat_http.views.machine import MachineList, machine_list_view
from keysat_http.views.outcome import DONE, Done

_PATH: Final = "/v1/admin/machines"
_TAGS: Final = ("machines",)


@get(_PATH, raises=[NotFound], tags=_TAGS)
def list_machines(
    *,
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    license_id: FromQuery[str] = "",
    product_id: FromQuery[str] = "",
    product_slug: FromQuery[str] = "",
    include_inactive: FromQuery[Flag] = "false",
    limit: FromQuery[int] = MACHINES_PAGE_DEFAULT,
    offset: FromQuery[int] = 0,
) -> MachineList:
    """List machines, most recently seen first; a product id wins over a slug."""
    criteria = MachineFilter(
        license_id=LicenseId(license_id) if license_id else None,
        product_id=ProductId(product_id) if product_id else None,
        is_inactive_included=include_inactive == "true",
        limit=clamp_limit(limit, MACHINES_PAGE_MAX),
        offset=clamp_offset(offset),
    )
    page = list_use_case(
        actor,
        criteria,
        product_slug=product_slug or None,
        store=ports.store,
        heartbeats=ports.heartbeats,
    )
    return machine_list_view(page)


@post(_PATH + "/{machine_id:str}/deactivate", raises=[NotFound], tags=_TAGS, **REHEARSABLE_ROUTE)
def deactivate_machine(
    data: JSONBody[Why],
    machine_id: FromPath[str],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> Done:
    """Free a machine's seat."""
    release_machine(
        actor,
        MachineId(machine_id),
        reason=data.reason,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    return DONE
