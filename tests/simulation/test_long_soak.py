"""Forty thousand purchases over twenty seeds, under every fault: our books are the provider's.

``make soak`` makes 10 000 a seed. ``make test`` runs this by itself, after everything else, because it uses every core.
"""

from typing import Final

import pytest

from tests.support.soak.buyers import PLANS
from tests.support.soak.program import said_by
from tests.support.soak.weather import FAULTS

SEEDS: Final = 10
PURCHASES: Final = 1_000

SECONDS: Final = 3_000
"""What a busy machine takes for all of them, and more; an idle one of two cores takes a minute and a half."""


@pytest.mark.timeout(SECONDS)
def test_what_the_provider_calls_settled_has_its_one_effect_and_nothing_else_has() -> None:
    said = said_by(f"--purchases={PURCHASES}", f"--seeds={SEEDS}", "--first=1", seconds=SECONDS)
    assert f"seeds       1..{SEEDS}: every rule held" in said
    for name in (*FAULTS, *PLANS):
        assert f"'{name}': " in said, f"no seed met: {name}"
