"""Those who sell: they issue, suspend, reinstate and revoke, kick machines and change their terms."""

from collections.abc import Callable
from random import Random
from typing import Final

from keysat_core.domain.ids import LicenseId, MachineId
from keysat_core.errors import NotFound
from keysat_core.ports.bundle import Ports
from keysat_core.signing.license_key import parse_key
from keysat_core.use_cases.licenses.change_license_status import (
    reinstate_license,
    revoke_license,
    suspend_license,
)
from keysat_core.use_cases.licenses.issue_license import IssueLicense, issue_license
from keysat_core.use_cases.machines.deactivate_machine import release_machine
from keysat_core.use_cases.policies.archive_policy import ArchivePolicy, archive_policy
from keysat_core.use_cases.policies.update_policy import UpdatePolicy, update_policy
from tests.support.simulation.market import Market
from tests.support.trade import OPERATOR

SEATS: Final = (0, 1, 2, 3)


def operate(market: Market, rng: Random) -> None:
    """Do one of the things an operator does; what the state no longer allows is answered 404."""
    acts: tuple[Callable[[Market, Random], None], ...] = (
        _issue,
        _suspend,
        _reinstate,
        _revoke,
        _kick,
        _change_terms,
        _archive,
        _go_to_the_till,
    )
    act = rng.choices(acts, weights=(2, 4, 4, 1, 2, 2, 1, 4))[0]
    try:
        act(market, rng)
    except NotFound:
        market.stage.note("answer: not found")


def _issue(market: Market, rng: Random) -> None:
    tier = rng.choice(market.tiers)
    command = IssueLicense(
        product_slug=tier.product_slug,
        policy_slug=tier.policy_slug,
        max_machines=rng.choice((None, *SEATS)),
    )
    issued = market.server(rng).call(
        "issue",
        lambda ports: issue_license(
            OPERATOR,
            command,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            keys=ports.keys,
        ),
    )
    market.circulate(issued.key)


def _license(market: Market, rng: Random) -> LicenseId | None:
    if not market.keys:
        return None
    return LicenseId(parse_key(rng.choice(market.keys[-4:])).payload.license_id)


def _suspend(market: Market, rng: Random) -> None:
    if license_id := _license(market, rng):
        market.server(rng).call(
            f"suspend {license_id}",
            lambda ports: suspend_license(
                OPERATOR,
                license_id,
                reason=None,
                store=ports.store,
                clock=ports.clock,
                ids=ports.ids,
            ),
        )


def _reinstate(market: Market, rng: Random) -> None:
    if license_id := _license(market, rng):
        market.server(rng).call(
            f"reinstate {license_id}",
            lambda ports: reinstate_license(
                OPERATOR, license_id, store=ports.store, clock=ports.clock, ids=ports.ids
            ),
        )


def _revoke(market: Market, rng: Random) -> None:
    if license_id := _license(market, rng):
        market.server(rng).call(
            f"revoke {license_id}",
            lambda ports: revoke_license(
                OPERATOR,
                license_id,
                reason="chargeback",
                store=ports.store,
                clock=ports.clock,
                ids=ports.ids,
            ),
        )


def _kick(market: Market, rng: Random) -> None:
    machines = market.book.live_machines()
    if not machines:
        return
    machine_id = MachineId(rng.choice(machines))
    market.server(rng).call(
        f"release {machine_id}",
        lambda ports: release_machine(
            OPERATOR, machine_id, reason=None, store=ports.store, clock=ports.clock, ids=ports.ids
        ),
    )


def _change_terms(market: Market, rng: Random) -> None:
    policy_id = rng.choice(market.tiers).policy_id
    command = UpdatePolicy(
        policy_id=policy_id,
        max_machines=rng.choice(SEATS),
        duration_seconds=rng.choice((0, 86_400, 31_536_000)),
    )

    def change(ports: Ports) -> None:
        update_policy(
            OPERATOR,
            command,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            self_license=ports.self_license,
        )

    market.server(rng).call(f"change terms of {policy_id}", change)


def _archive(market: Market, rng: Random) -> None:
    policy_id = rng.choice(market.tiers).policy_id
    command = ArchivePolicy(policy_id=policy_id, archived=rng.random() < 0.3)
    market.server(rng).call(
        f"{'archive' if command.archived else 'unarchive'} {policy_id}",
        lambda ports: archive_policy(
            OPERATOR, command, store=ports.store, clock=ports.clock, ids=ports.ids
        ),
    )


def _go_to_the_till(market: Market, rng: Random) -> None:
    """Do something by hand at the payment service, which only its webhook and our asking tell."""
    if market.links:
        link = rng.choice(market.links[-6:])
        done = market.service.have_second_thoughts(link, rng)
        market.stage.note(f"at the till, {link}: {done}")
