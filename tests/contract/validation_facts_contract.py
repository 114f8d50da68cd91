"""What whoever knows the facts of licenses must know, and how soon."""

from abc import ABC, abstractmethod

import msgspec
import pytest

from keysat_core.domain.ids import LicenseId, PolicyId
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.machine import Seats
from keysat_core.domain.validation import Facts
from keysat_core.ports.facts import ValidationFacts
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    later,
    make_license,
    make_machine,
    make_policy,
    new_id,
    stored_shop,
)


class ValidationFactsContract(ABC):
    """``facts`` knows what was committed to ``store``."""

    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    @pytest.fixture
    @abstractmethod
    def facts(self, store: Store) -> ValidationFacts: ...

    def test_a_license_is_known_whole_with_its_slugs(
        self, store: Store, facts: ValidationFacts
    ) -> None:
        shop = stored_shop(store)
        license = make_license(
            shop.product,
            policy_id=shop.policy.id,
            expires_at=NOW + 9,
            entitlements=("a", "b"),
            buyer_email="Buyer@Example.org",
            metadata={"deep": [1, {"x": None}]},
        )
        with store.writing() as tx:
            tx.licenses.put_license(license)
        for _ in range(2):
            assert facts.find_facts(license.id, None) == Facts(
                license=license,
                product_slug=shop.product.slug,
                policy_slug=shop.policy.slug,
                seats=None,
            )

    def test_a_license_without_a_policy_has_no_policy_slug(
        self, store: Store, facts: ValidationFacts
    ) -> None:
        license = make_license(stored_shop(store).product, policy_id=None)
        with store.writing() as tx:
            tx.licenses.put_license(license)
        known = facts.find_facts(license.id, None)
        assert known is not None
        assert known.policy_slug is None

    def test_seats_are_those_of_the_license_and_the_machine_asked_about(
        self, store: Store, facts: ValidationFacts
    ) -> None:
        shop = stored_shop(store)
        license, other = (make_license(shop.product, max_machines=0) for _ in range(2))
        mine = make_machine(license, fingerprint="mine", hostname="h", ip_last_seen="::1")
        gone = make_machine(license, fingerprint="gone", deactivated_at=later(1))
        with store.writing() as tx:
            for each in (license, other):
                tx.licenses.put_license(each)
            for machine in (
                mine,
                gone,
                make_machine(license, fingerprint="yours"),
                make_machine(other, fingerprint="mine"),
            ):
                tx.machines.put_machine(machine)
        for fingerprint_hash, own in (
            (mine.fingerprint_hash, mine),
            (gone.fingerprint_hash, None),
            ("unheard of", None),
        ):
            known = facts.find_facts(license.id, fingerprint_hash)
            assert known is not None
            assert known.seats == Seats(own=own, active_count=2)

    def test_an_unknown_license_has_no_facts_until_there_is_one(
        self, store: Store, facts: ValidationFacts
    ) -> None:
        license = make_license(stored_shop(store).product)
        assert facts.find_facts(LicenseId(new_id()), None) is None
        assert facts.find_facts(license.id, "hash") is None
        with store.writing() as tx:
            tx.licenses.put_license(license)
        assert facts.find_facts(license.id, "hash") is not None

    def test_every_commit_is_seen_by_the_next_question(
        self, store: Store, facts: ValidationFacts
    ) -> None:
        shop = stored_shop(store)
        license = make_license(shop.product, max_machines=0)
        machine = make_machine(license, fingerprint="m")
        hash_ = machine.fingerprint_hash
        policy = make_policy(shop.product, slug="new")
        with store.writing() as tx:
            tx.licenses.put_license(license)
        assert facts.find_facts(license.id, hash_) is not None
        with store.writing() as tx:
            tx.machines.put_machine(machine)
        known = facts.find_facts(license.id, hash_)
        assert known is not None
        assert known.seats == Seats(own=machine, active_count=1)
        revoked = msgspec.structs.replace(
            license, status=LicenseStatus.REVOKED, policy_id=PolicyId(policy.id)
        )
        with store.writing() as tx:
            tx.policies.put_policy(policy)
            tx.licenses.put_license(revoked)
        known = facts.find_facts(license.id, hash_)
        assert known is not None
        assert (known.license, known.policy_slug) == (revoked, "new")
        with store.writing() as tx:
            tx.removals.remove_product(shop.product.id)
        assert facts.find_facts(license.id, hash_) is None

    def test_what_was_rolled_back_was_never_known(
        self, store: Store, facts: ValidationFacts
    ) -> None:
        license = make_license(stored_shop(store).product)
        with store.writing() as tx:
            tx.licenses.put_license(license)
        before = facts.find_facts(license.id, None)
        with pytest.raises(ZeroDivisionError), store.writing() as tx:
            tx.licenses.put_license(
                msgspec.structs.replace(license, status=LicenseStatus.SUSPENDED)
            )
            raise ZeroDivisionError
        assert facts.find_facts(license.id, None) == before
