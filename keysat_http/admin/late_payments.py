"""Whether late payments are accepted by themselves. Source: decisions 17."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody

from keysat_core.domain.actor import Actor
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.settings import set_late_payments, show_late_payments
from keysat_http.routes import get, post
from keysat_http.views.late_payments import LatePayments

_PATH: Final = "/v1/admin/settings/accept-late-payments"
_TAGS: Final = ("settings",)


class LatePaymentsChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted from now on."""

    enabled: bool


@get(_PATH, tags=_TAGS)
def get_late_payments(actor: NamedDependency[Actor], ports: NamedDependency[Ports]) -> LatePayments:
    """Tell whether a payment that came after expiry is accepted once it is final."""
    return LatePayments(enabled=show_late_payments(actor, store=ports.store))


@post(_PATH, tags=_TAGS)
def choose_late_payments(
    data: JSONBody[LatePaymentsChoice],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> LatePayments:
    """Accept late payments from now on, or let them wait for the operator. Master key only."""
    set_late_payments(
        actor, is_accepted=data.enabled, store=ports.store, clock=ports.clock, ids=ports.ids
    )
    return LatePayments(enabled=data.enabled)
