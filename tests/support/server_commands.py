"""The use cases about the server itself, for ``test_every_command``."""

from typing import Any, Final

from keysat_core.domain.actor import Scope
from keysat_core.use_cases.server import (
    community,
    find_anything,
    operator_name,
    retention,
    self_license,
    show_database,
    show_figures,
    show_health,
)
from tests.support.commands import Command, ports
from tests.support.own_licenses import PRO, own_licenses
from tests.support.trade import PATRON, Trade


def heard(trade: Trade) -> dict[str, Any]:
    return {
        "version": "1.0",
        "started_at": trade.clock.now(),
        "clock": trade.clock,
        "self_license": PATRON,
    }


SERVER_COMMANDS: Final = [
    Command(
        self_license.activate_self_license,
        Scope.MASTER,
        lambda t: ([PRO], ports(t) | {"self_licenses": own_licenses()}),
    ),
    Command(operator_name.set_operator_name, Scope.MASTER, lambda t: (["Shop"], ports(t))),
    Command(
        retention.change_retention,
        Scope.MASTER,
        lambda t: ([retention.ChangeRetention(delivery_days=30)], ports(t)),
    ),
    Command(
        community.change_community,
        Scope.COMMUNITY_WRITE,
        lambda t: ([community.ChangeCommunity(is_enabled=True)], ports(t)),
    ),
    Command(community.reset_community, Scope.MASTER, lambda t: ([], ports(t))),
]
SERVER_READS: Final = [
    Command(
        self_license.refresh_self_license,
        Scope.TIER_READ,
        lambda t: ([], {"clock": t.clock, "self_licenses": own_licenses(PRO)}),
    ),
    Command(operator_name.show_operator_name, Scope.SETTINGS_READ, lambda _: ([], {})),
    Command(retention.show_retention, Scope.SETTINGS_READ, lambda _: ([], {})),
    Command(community.show_community, Scope.COMMUNITY_READ, lambda t: ([], heard(t))),
    Command(show_database.show_database, Scope.MASTER, lambda _: ([], {})),
    Command(find_anything.find_anything, Scope.LICENSES_READ, lambda t: (["a"], {"keys": t.keys})),
    Command(
        show_health.show_health,
        Scope.MASTER,
        lambda t: ([], {"rates": t.rates, "clock": t.clock, "checkup": None}),
    ),
    Command(
        show_figures.show_figures,
        Scope.LICENSES_READ,
        lambda t: (
            [],
            {"days": 30, "validations": t.log, "rates": t.rates, "clock": t.clock},
        ),
    ),
]
