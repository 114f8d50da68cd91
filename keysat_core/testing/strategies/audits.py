"""The audit log read back, and what a walk along its chain may find."""

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.audit_breaks import Break, BreakKind
from keysat_core.domain.audit_chain import FIRST_ID, SEAL_BYTES, Anchor
from keysat_core.domain.audit_list import AuditFilter, AuditRow
from keysat_core.domain.audit_walk import ChainEnd, ChainReport
from keysat_core.limits import AUDIT_OFFSET_MAX, AUDIT_PAGE_MAX
from keysat_core.testing.strategies.actors import audit_entries
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.text import slugs

_ROWS: Final = st.integers(FIRST_ID, 1_000_000)


def anchors(**fixed: Any) -> SearchStrategy[Anchor]:
    """Seals as somebody wrote them down."""
    seals = st.binary(min_size=SEAL_BYTES, max_size=SEAL_BYTES)
    return built(Anchor, fixed, id=_ROWS, hash=seals)


@st.composite
def breaks(draw: st.DrawFn, /, kind: BreakKind | None = None) -> Break:
    """Places where a chain does not hold; only reordered rows have a place they belong at."""
    kind = kind or draw(st.sampled_from(BreakKind))
    first_id, last_id = sorted((draw(_ROWS), draw(_ROWS)))
    is_moved = kind is BreakKind.REORDERED
    belongs_at = draw(_ROWS) if is_moved else None
    return Break(kind=kind, first_id=first_id, last_id=last_id, belongs_at=belongs_at)


def chain_reports(**fixed: Any) -> SearchStrategy[ChainReport]:
    """What a walk along a chain may report."""
    return built(
        ChainReport,
        fixed,
        row_count=st.integers(0, 1_000_000),
        head=st.none() | anchors(),
        breaks=st.lists(breaks(), max_size=3).map(tuple),
        is_complete=st.booleans(),
    )


def chain_ends(**fixed: Any) -> SearchStrategy[ChainEnd]:
    """What a look at the newest rows of a chain may report."""
    return built(
        ChainEnd,
        fixed,
        row_count=st.integers(0, 100),
        head=st.none() | anchors(),
        is_sound=st.booleans(),
    )


def audit_filters(**fixed: Any) -> SearchStrategy[AuditFilter]:
    """Which audit rows to list."""
    dotted = st.tuples(slugs(), slugs()).map(".".join)
    return built(
        AuditFilter,
        fixed,
        action=st.none() | dotted,
        actor_kind=st.none() | slugs(),
        actor_hash=st.none() | ids(),
        actor_id=st.none() | ids(),
        target_kind=st.none() | slugs(),
        target_id=st.none() | ids(),
        request_id=st.none() | ids(),
        since=st.none() | instants(),
        until=st.none() | instants(),
        before_id=st.none() | _ROWS,
        limit=st.integers(1, AUDIT_PAGE_MAX),
        offset=st.integers(0, AUDIT_OFFSET_MAX),
    )


def audit_rows(**fixed: Any) -> SearchStrategy[AuditRow]:
    """Audit entries as they were written down."""
    return built(AuditRow, fixed, id=_ROWS, entry=audit_entries())
