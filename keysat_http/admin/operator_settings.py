"""The seller's name, and how long logs are kept. Source: admin-api 2.12, B-47."""

from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor
from keysat_core.domain.retention import Retention
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server import operator_name as names
from keysat_core.use_cases.server.retention import (
    ChangeRetention,
    change_retention,
    show_retention,
)
from keysat_http.bodies import WholeNumber
from keysat_http.routes import get, post, put
from keysat_http.settings import HTTPSettings
from keysat_http.views.operator_settings import (
    OperatorName,
    OperatorNameSet,
    RetentionDays,
    operator_name_view,
)

_NAME: Final = "/v1/admin/settings/operator-name"
_RETENTION: Final = "/v1/admin/settings/retention"
_TAGS: Final = ("settings",)


class OperatorNameChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The name buyers are to see; a blank one is none."""

    name: str


class RetentionChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Days to keep; null keeps for ever, and what is left out stays as it is."""

    validation_days: WholeNumber | UnsetType | None = UNSET
    delivery_days: WholeNumber | UnsetType | None = UNSET


@get(_NAME, tags=_TAGS)
def get_operator_name(
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
    settings: NamedDependency[HTTPSettings],
) -> OperatorName:
    """Show the seller's name and where it comes from."""
    stored = names.show_operator_name(actor, store=ports.store)
    return operator_name_view(stored, settings.operator_name)


@post(_NAME, tags=_TAGS)
def set_operator_name(
    data: JSONBody[OperatorNameChoice],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> OperatorNameSet:
    """Show buyers another name, at once. Master key only."""
    stored = names.set_operator_name(
        actor, data.name, store=ports.store, clock=ports.clock, ids=ports.ids
    )
    return OperatorNameSet(operator_name=stored)


@get(_RETENTION, tags=_TAGS)
def get_retention(actor: NamedDependency[Actor], ports: NamedDependency[Ports]) -> RetentionDays:
    """Show how long validations and finished deliveries are kept."""
    return _view(show_retention(actor, store=ports.store))


@put(_RETENTION, tags=_TAGS)
def set_retention(
    data: JSONBody[RetentionChoice], actor: NamedDependency[Actor], ports: NamedDependency[Ports]
) -> RetentionDays:
    """Keep validations and finished deliveries for so many days from now on. Master key only."""
    command = ChangeRetention(
        validation_days=data.validation_days, delivery_days=data.delivery_days
    )
    return _view(
        change_retention(actor, command, store=ports.store, clock=ports.clock, ids=ports.ids)
    )


def _view(retention: Retention) -> RetentionDays:
    return RetentionDays(
        validation_days=retention.validation_days, delivery_days=retention.delivery_days
    )
