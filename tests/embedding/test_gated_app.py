"""How another program tests its own gate. Copy this file and put your gate in place of ours.

It imports nothing of Keysat's own tests. The first half needs Hypothesis and the bare ``keysat``;
the second half, which asks a server, needs ``keysat[server]``. See docs/testing.md.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, Protocol

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, precondition, rule

from keysat_core.domain.machine import Candidate
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import PriceInput
from keysat_core.domain.validation import Valid
from keysat_core.errors import LicenseKeyError
from keysat_core.signing import SigningKey, Verifier, parse_key
from keysat_core.testing import BUYER, OPERATOR, START, sandbox_ports
from keysat_core.testing.strategies import RefusedKey, license_keys, refused_keys
from keysat_core.use_cases.licenses.change_license_status import (
    reinstate_license,
    revoke_license,
    suspend_license,
)
from keysat_core.use_cases.licenses.validate_license import ValidateLicense, validate_license
from keysat_core.use_cases.machines.deactivate_machine import (
    DeactivateMachine,
    deactivate_machine,
)
from keysat_core.use_cases.policies.create_policy import CreatePolicy, create_policy
from keysat_core.use_cases.products.create_product import CreateProduct, create_product

# --- the program that is tested: this part would be yours ---------------------------------------


class Server(Protocol):
    """How the program asks the seller's server: ``POST /v1/validate`` in real life."""

    def allows(self, key: str, machine: str) -> bool:
        """Say whether the key may be used on this machine; ``ConnectionError`` without a network."""
        ...


@dataclass(kw_only=True)
class Gate:
    """Decides whether this installation may export."""

    verifier: Verifier
    machine: str
    server: Server

    def may_export(self, key: str, now: int) -> bool:
        """Believe the signature first, then the server; without a network the signature is enough."""
        try:
            payload = self.verifier.verify(key, now=now, fingerprint=self.machine).payload
        except LicenseKeyError:
            return False
        if "export" not in payload.entitlements:
            return False
        try:
            return self.server.allows(key, self.machine)
        except ConnectionError:
            return True


# --- offline: keys without a server -------------------------------------------------------------

SELLER: Final = SigningKey.from_seed(bytes(32))
HERE: Final = "this machine"

# A slow machine is no failure of the gate.
unhurried = settings(deadline=None)


class Unreachable:
    def allows(self, key: str, machine: str) -> bool:
        raise ConnectionError


def offline_gate() -> Gate:
    return Gate(verifier=Verifier(SELLER.verify_key), machine=HERE, server=Unreachable())


@unhurried
@given(key=license_keys(SELLER, entitlements=("export",), expires_at=0, flags=0))
def test_a_key_that_grants_export_opens_the_gate(key: str) -> None:
    assert offline_gate().may_export(key, START)


@unhurried
@given(key=license_keys(SELLER, entitlements=("sync",), expires_at=0, flags=0))
def test_a_key_that_grants_something_else_does_not(key: str) -> None:
    assert not offline_gate().may_export(key, START)


@unhurried
@given(key=refused_keys(SELLER, now=START, fingerprint=HERE, entitlements=("export",)))
def test_no_bad_key_opens_the_gate(key: RefusedKey) -> None:
    assert not offline_gate().may_export(key.text, START), key.trick


# --- online: any order of events, with a model beside it ----------------------------------------

DAY: Final = 86_400
DAYS_SOLD: Final = 30
SEATS: Final = 2
LICENSES: Final = 5

machines = st.sampled_from(["laptop", "desktop", "tower"])
# Mostly online: most of what is to be found needs the server.
connections = st.sampled_from([True, True, True, False])


@dataclass(kw_only=True)
class Sold:
    """What must be true of a license: nothing of how Keysat stores it."""

    license_id: str
    ends_at: int
    is_stopped: bool = False
    is_revoked: bool = False
    seated: set[str] = field(default_factory=set)

    def admits(self, machine: str) -> bool:
        has_seat = machine in self.seated or len(self.seated) < SEATS
        return has_seat and not self.is_stopped and not self.is_revoked


class GatedApp(RuleBasedStateMachine):
    """A buyer, an operator, three machines, a clock and a network, in whatever order."""

    keys: Bundle[str] = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.closing = ExitStack()
        self.shop = self.closing.enter_context(sandbox_ports())
        self.is_online = True
        self.sold: dict[str, Sold] = {}
        product = CreateProduct(slug="app", name="App", price=PriceInput(price_sats=50_000))
        self.shop.run(create_product, OPERATOR, product)
        self.tier: Policy = self.shop.run(
            create_policy,
            OPERATOR,
            CreatePolicy(
                product_slug="app",
                slug="pro",
                name="Pro",
                duration_seconds=DAYS_SOLD * DAY,
                max_machines=SEATS,
                entitlements=("export",),
            ),
        )

    def teardown(self) -> None:
        self.closing.close()

    # The gate's server is the use case that answers POST /v1/validate.
    def allows(self, key: str, machine: str) -> bool:
        if not self.is_online:
            raise ConnectionError
        command = ValidateLicense(key=key, candidate=Candidate(fingerprint=machine))
        return isinstance(self.shop.run(validate_license, BUYER, command).verdict, Valid)

    @precondition(lambda self: len(self.sold) < LICENSES)
    @rule(target=keys)
    def buy(self) -> str:
        bought = self.shop.sell("app", policy_slug=self.tier.slug)
        now = self.shop.clock.now()
        self.sold[bought.key] = Sold(license_id=bought.license.id, ends_at=now + DAYS_SOLD * DAY)
        return bought.key

    @rule(key=keys, machine=machines, is_online=connections)
    def use(self, key: str, machine: str, is_online: bool) -> None:  # noqa: FBT001  a rule's argument
        self.is_online = is_online
        sold, now = self.sold[key], self.shop.clock.now()
        gate = Gate(verifier=self.shop.keys.verifier(), machine=machine, server=self)
        is_expected = now < sold.ends_at and (not is_online or sold.admits(machine))
        assert gate.may_export(key, now) == is_expected
        if is_online and is_expected:
            sold.seated.add(machine)

    @rule(key=keys, machine=machines)
    def uninstall(self, key: str, machine: str) -> None:
        command = DeactivateMachine(
            payload=parse_key(key).payload, candidate=Candidate(fingerprint=machine)
        )
        freed = self.shop.run(deactivate_machine, BUYER, command)
        assert (freed is not None) == (machine in self.sold[key].seated)
        self.sold[key].seated.discard(machine)

    @rule(key=keys, is_stopped=st.booleans())
    def stop_or_resume(self, key: str, is_stopped: bool) -> None:  # noqa: FBT001  a rule's argument
        sold = self.sold[key]
        if not sold.is_revoked:
            change = suspend_license if is_stopped else reinstate_license
            options = {"reason": "unpaid"} if is_stopped else {}
            self.shop.run(change, OPERATOR, sold.license_id, **options)
            sold.is_stopped = is_stopped

    @rule(key=keys)
    def revoke(self, key: str) -> None:
        sold = self.sold[key]
        if not sold.is_revoked:
            self.shop.run(revoke_license, OPERATOR, sold.license_id, reason="charged back")
            sold.is_revoked = True

    @rule(days=st.integers(1, 5))
    def wait(self, days: int) -> None:
        self.shop.clock.advance(days * DAY)

    @rule(key=keys, seconds=st.sampled_from([-1, 0]))
    def wait_for_the_end(self, key: str, seconds: int) -> None:
        end = self.sold[key].ends_at + seconds
        self.shop.clock.set(max(end, self.shop.clock.now()))


TestGatedApp = GatedApp.TestCase
TestGatedApp.settings = settings(unhurried, max_examples=100, stateful_step_count=30)
