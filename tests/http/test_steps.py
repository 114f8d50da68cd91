"""Validations that came together go step by step together, and each is judged by what was so then."""

import asyncio
import dataclasses
from collections.abc import Iterator
from typing import Final

import msgspec
import pytest

from keysat_core.domain.ids import LicenseId
from keysat_core.domain.validation import Facts, Refused, Valid
from keysat_core.errors import StoreBusy
from keysat_core.ports.facts import ValidationFacts
from keysat_core.ports.keys import KeyRing
from keysat_core.signing import SigningKey, Verifier
from keysat_core.signing.license_key import LicensePayload
from keysat_core.use_cases.licenses.validate_license import Validation
from keysat_http.arrivals import ARRIVALS
from keysat_http.client_address import Caller
from keysat_http.meters import Meters
from keysat_http.public.hot_path import Desk, TurnFacts, ValidateRequest, answer
from keysat_http.rate_limits import RateLimiter
from tests.support.shop import Shop, running_shop

NOBODY: Final = Caller(address=None, limiting_address=None, user_agent=None, request_id=None)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as shop:
        shop.add_product()
        yield shop


class WatchedKeys:
    """A key ring that notes when it verifies."""

    def __init__(self, keys: KeyRing, steps: list[str]) -> None:
        self._keys = keys
        self._steps = steps

    def signing_key(self) -> SigningKey:
        return self._keys.signing_key()

    def verifier(self) -> Verifier:
        return self._keys.verifier()

    def payload_of(self, key: str) -> LicensePayload:
        self._steps.append("verify")
        return self._keys.payload_of(key)

    def reload(self) -> None:
        self._keys.reload()


class WatchedFacts:
    """Facts that note when they are asked for."""

    def __init__(self, facts: ValidationFacts, steps: list[str]) -> None:
        self._facts = facts
        self._steps = steps

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        self._steps.append("look up")
        return self._facts.find_facts(license_id, fingerprint_hash)


def answers(shop: Shop, keys: list[str], steps: list[str]) -> list[Validation | None]:
    ports = dataclasses.replace(shop.ports, keys=WatchedKeys(shop.ports.keys, steps))
    desk = Desk(ports, RateLimiter(ports.store, is_limiting=False), Meters())

    async def run() -> list[Validation | None]:
        facts = WatchedFacts(TurnFacts(ports.facts), steps)
        asked = (ValidateRequest(key=key) for key in keys)
        return await asyncio.gather(*(answer(each, NOBODY, facts, desk) for each in asked))

    return asyncio.run(run())


def test_each_step_is_taken_for_all_before_the_next(shop: Shop) -> None:
    keys = [shop.issue()["license_key"] for _ in range(3)]
    steps: list[str] = []
    given = answers(shop, keys, steps)
    assert steps == ["verify"] * 3 + ["look up"] * 3
    assert all(each is not None and isinstance(each.verdict, Valid) for each in given)


def test_a_bad_key_among_them_is_verified_once_and_looked_up_never(shop: Shop) -> None:
    steps: list[str] = []
    bad, good = answers(shop, ["garbage", shop.issue()["license_key"]], steps)
    assert steps == ["verify", "verify", "look up"]
    assert bad is not None
    assert good is not None
    assert isinstance(bad.verdict, Refused)
    assert isinstance(good.verdict, Valid)


class FailingLook:
    """Committed facts whose second look for commits fails."""

    def __init__(self, shop: Shop) -> None:
        self._facts = shop.ports.facts
        self._looks = 0

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        return self.as_of_now().find_facts(license_id, fingerprint_hash)

    def as_of_now(self) -> ValidationFacts:
        self._looks += 1
        if self._looks == 2:
            raise StoreBusy
        return self._facts.as_of_now()


def test_after_a_look_that_failed_nothing_older_is_believed(shop: Shop) -> None:
    issued = shop.issue()
    license_id = LicenseId(issued["license_id"])

    async def run() -> None:
        facts = TurnFacts(FailingLook(shop))
        assert facts.find_facts(license_id, None) is not None
        with shop.ports.store.writing() as tx:
            license = tx.licenses.get_license(license_id)
            tx.licenses.put_license(msgspec.structs.replace(license, max_machines=77))
        ARRIVALS.count += 1
        with pytest.raises(StoreBusy):
            facts.find_facts(license_id, None)
        found = facts.find_facts(license_id, None)
        assert found is not None
        assert found.license.max_machines == 77

    asyncio.run(run())
