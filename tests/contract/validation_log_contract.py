"""What every validation log must do."""

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor

import pytest

from keysat_core.domain.activity import ValidationEntry
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.ports.activity import ValidationLog
from tests.support.builders import NOW


class ValidationLogContract(ABC):
    @pytest.fixture
    @abstractmethod
    def log(self) -> ValidationLog: ...

    def test_a_flush_tells_how_many_entries_it_wrote(self, log: ValidationLog) -> None:
        for _ in range(3):
            log.note(ValidationEntry(result="ok", occurred_at=NOW))
        assert log.flush() == 3

    def test_an_entry_is_written_once(self, log: ValidationLog) -> None:
        assert log.flush() == 0
        log.note(ValidationEntry(result="ok", occurred_at=NOW))
        assert [log.flush(), log.flush()] == [1, 0]

    def test_every_thread_is_heard(self, log: ValidationLog) -> None:
        def note(number: int) -> None:
            log.note(ValidationEntry(result=str(number), occurred_at=NOW))

        with ThreadPoolExecutor(max_workers=8) as pool:
            flushed = [pool.submit(log.flush) for _ in range(5)]
            noted = [pool.submit(note, number) for number in range(400)]
            flushed += [pool.submit(log.flush) for _ in range(5)]
            for future in noted:
                future.result(timeout=30)
        assert sum(future.result(timeout=30) for future in flushed) + log.flush() == 400

    @pytest.mark.parametrize("text", ["", "half a pair \ud800", "\0", "x" * 100_000, "'; --"])
    def test_no_text_holds_up_the_log(self, log: ValidationLog, text: str) -> None:
        log.note(
            ValidationEntry(
                result="bad_format",
                license_id=text,
                product_id=text,
                machine_id=text,
                fingerprint_hash=text,
                client_ip=text,
                user_agent=text,
                detail=text,
                occurred_at=NOW,
            )
        )
        log.note(ValidationEntry(result="ok", occurred_at=NOW))
        assert log.flush() == 2

    def test_what_was_written_is_counted_by_day_and_result(self, log: ValidationLog) -> None:
        day = NOW // DAY_SECONDS
        for result, offset in (("ok", 0), ("ok", 0), ("revoked", 0), ("ok", 2), ("ok", -1)):
            at = Instant((day + offset) * DAY_SECONDS)
            log.note(ValidationEntry(result=result, occurred_at=at))
        log.flush()
        log.note(ValidationEntry(result="ok", occurred_at=NOW))
        log.flush()
        assert list(log.daily_counts(day, day + 2)) == [(day, "ok", 3), (day, "revoked", 1)]
        assert list(log.daily_counts(day + 2, day + 3)) == [(day + 2, "ok", 1)]
        assert list(log.daily_counts(day + 3, day + 9)) == []
