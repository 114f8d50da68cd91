"""Two years of some hundred buyers: what is paid is what may be used, and nothing is lost.

``make test`` runs it by itself, after everything else; ``make years`` has a thousand buyers.
"""

from typing import Final

import pytest

from tests.support.years.run import report, two_years

BUYERS: Final = 400
SECONDS: Final = 1_200
"""What a busy machine takes, and more; an idle one takes less than a minute."""


@pytest.mark.timeout(SECONDS)
def test_the_buyers_of_two_years_get_what_they_pay_for() -> None:
    outcome = two_years(1, BUYERS)
    if outcome.problem is not None:
        pytest.fail(report(outcome), pytrace=False)
    assert outcome.sums is not None
    assert outcome.sums.renewals > BUYERS
    for heard in (
        "code.redeemed",
        "license.revoked",
        "license.tier_changed",
        "subscription.cancelled",
        "subscription.lapsed",
        "subscription.renewal_failed",
        "subscription.renewal_skipped",
        "subscription.renewed",
    ):
        assert outcome.heard[heard] > 0, heard
