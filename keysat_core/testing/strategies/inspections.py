"""Strategies for what is found when a database is verified."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.inspection import Check, CheckFinding, Offenders, Tallies
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.text import names, texts


def check_findings(**fixed: Any) -> SearchStrategy[CheckFinding]:
    """Checks that found nothing, found something, or were not made."""
    return built(
        CheckFinding,
        fixed,
        check=st.sampled_from(Check).map(str),
        problems=st.lists(names(), max_size=3).map(tuple),
        skipped=st.none() | names(),
    )


def offenders(**fixed: Any) -> SearchStrategy[Offenders]:
    """Rows that break a rule, some of them named."""
    return built(
        Offenders,
        fixed,
        count=st.integers(0, 1_000_000),
        ids=st.lists(texts(8), max_size=3).map(tuple),
    )


def tallies(**fixed: Any) -> SearchStrategy[Tallies]:
    """Counts of databases in order and out of it."""
    return built(
        Tallies,
        fixed,
        license_count=st.integers(0, 1_000_000),
        effects_without_license=offenders(),
        effects_unpaid=offenders(),
        licenses_unpaid=offenders(),
        licenses_without_effect=offenders(),
        invoices_licensed_twice=offenders(),
        seats_taken_twice=offenders(),
    )
