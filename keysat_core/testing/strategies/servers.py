"""A server that looks after itself: leases of its jobs, and what the doctor measures and finds."""

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.backup_schedule import BackupRecord, BackupsKept
from keysat_core.domain.file_diagnosis import BackupFacts, DiskSpace
from keysat_core.domain.finding import Finding, Health
from keysat_core.domain.instant import rfc3339
from keysat_core.domain.lease import Lease
from keysat_core.domain.settings_diagnosis import SettingsFacts
from keysat_core.domain.tallies import ShopTallies
from keysat_core.domain.work_diagnosis import ClockFacts
from keysat_core.limits import (
    BACKUP_EVERY_SECONDS_MAX,
    BACKUP_EVERY_SECONDS_MIN,
    BACKUPS_KEPT_MAX,
)
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants, secrets
from keysat_core.testing.strategies.text import addresses, names, slugs, texts

_BYTES: Final = st.integers(0, 1 << 50)


def leases(**fixed: Any) -> SearchStrategy[Lease]:
    """Leases, held and free, also by a clock that was wrong."""
    return built(
        Lease,
        fixed,
        name=slugs(),
        holder=st.none() | ids(),
        held_until=instants(),
        finished_at=st.none() | instants(),
    )


def findings(**fixed: Any) -> SearchStrategy[Finding]:
    """What the doctor may say."""
    return built(
        Finding,
        fixed,
        health=st.sampled_from(Health),
        text=names(),
        remedy=st.none() | names(),
    )


@st.composite
def disk_spaces(draw: st.DrawFn, /) -> DiskSpace:
    """File systems with no more free than there is."""
    total = draw(_BYTES)
    return DiskSpace(
        free_bytes=draw(st.integers(0, total)), total_bytes=total, backup_bytes=draw(_BYTES)
    )


def backup_facts(**fixed: Any) -> SearchStrategy[BackupFacts]:
    """Backups that were made, were lost, or never were; what is stored may be no instant."""
    return built(
        BackupFacts,
        fixed,
        last_at=st.none() | instants().map(rfc3339) | texts(),
        last_path=st.none() | names(),
        is_there=st.booleans(),
        has_sold=st.booleans(),
        every_seconds=st.none() | st.integers(BACKUP_EVERY_SECONDS_MIN, BACKUP_EVERY_SECONDS_MAX),
        failed_at=st.none() | instants(),
        problem=st.none() | names(),
    )


def backups_kept(**fixed: Any) -> SearchStrategy[BackupsKept]:
    """How many backups somebody may want to keep, none at all among them."""
    counts = st.integers(0, 20) | st.integers(0, BACKUPS_KEPT_MAX)
    fields = ("last", "daily", "weekly", "monthly")
    return built(BackupsKept, fixed, **dict.fromkeys(fields, counts))


def backup_records(**fixed: Any) -> SearchStrategy[BackupRecord]:
    """Schedules that worked, that failed, and that have had no turn."""
    return built(
        BackupRecord,
        fixed,
        began_at=st.none() | instants(),
        failed_at=st.none() | instants(),
        failures=st.integers(0, 50),
        problem=st.none() | names(),
    )


def clock_facts(**fixed: Any) -> SearchStrategy[ClockFacts]:
    """Clocks, right and wrong."""
    return built(
        ClockFacts,
        fixed,
        now=instants(),
        newest_at=st.none() | instants(),
        drift_seconds=st.floats(-1e6, 1e6),
    )


def settings_facts(**fixed: Any) -> SearchStrategy[SettingsFacts]:
    """Settings in any combination, contradictions included."""
    return built(
        SettingsFacts,
        fixed,
        problem=st.none() | names(),
        public_scheme=st.none() | st.sampled_from(["http", "https"]),
        public_host=st.none() | slugs(),
        bind_host=st.none() | addresses(),
        is_behind_proxy=st.none() | st.booleans(),
        has_proxy_list=st.booleans(),
        admin_key=st.none() | secrets(),
        other_secrets=st.dictionaries(slugs(), secrets(), max_size=3),
        legacy_conflicts=st.lists(slugs(), max_size=3).map(tuple),
        license_variable=st.none() | secrets(),
        license_file=st.none() | secrets(),
        is_sandbox=st.booleans(),
        has_real_sales=st.booleans(),
        has_pretend_sales=st.booleans(),
    )


def shop_tallies(**fixed: Any) -> SearchStrategy[ShopTallies]:
    """How many of everything there are."""
    counts = st.integers(0, 1_000_000)

    def by(*statuses: str) -> SearchStrategy[dict[str, int]]:
        return st.dictionaries(st.sampled_from(statuses), counts)

    return built(
        ShopTallies,
        fixed,
        invoices=by("pending", "settled", "expired", "invalid"),
        licenses=by("active", "suspended", "revoked"),
        subscriptions=by("active", "past_due", "lapsed", "cancelled"),
        deliveries=by("queued", "delivered", "dead"),
        receipts_waiting=counts,
        events=counts,
        api_keys=counts,
        sessions=counts,
    )
