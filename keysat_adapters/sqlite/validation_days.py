"""How many validations of each day ended how, counted in the change that writes them to the log.

The counts outlive the rows, which are purged; so of a day whose rows begin to go only those that are
left can be counted again.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import apsw

from keysat_adapters.sqlite.activity_file import DAYS_THERE, ActivityFile
from keysat_adapters.sqlite.connection import is_file_there, open_unchanging
from keysat_adapters.sqlite.refusals import refusal
from keysat_adapters.sqlite.session import Reads, storable
from keysat_core.domain.activity import ValidationCount, ValidationEntry
from keysat_core.domain.instant import DAY_SECONDS, Instant

_ADD: Final = (
    "INSERT INTO validation_days VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET row_count = row_count + excluded.row_count"
)
_OF_DAYS: Final = (
    "SELECT day, result, row_count FROM validation_days"
    " WHERE day >= ? AND day < ? ORDER BY day, result"
)
# The first day that has rows may have lost some of them to the purge, and so is raised at most.
_COUNTED: Final = (
    "WITH counted AS MATERIALIZED (SELECT occurred_at / 86400 AS day, result, count(*) AS row_count"
    " FROM validations GROUP BY 1, 2), whole AS (SELECT coalesce(min(day), -1) AS day FROM counted)"
)
_DIFFERENCES: Final = (
    f"{_COUNTED} SELECT count(*) FROM ("  # noqa: S608  constants
    "SELECT counted.day, counted.result FROM counted, whole LEFT JOIN validation_days AS kept"
    " ON kept.day = counted.day AND kept.result = counted.result"
    " WHERE coalesce(kept.row_count, 0) < counted.row_count"
    " OR (counted.day > whole.day AND kept.row_count > counted.row_count)"
    " UNION ALL SELECT kept.day, kept.result FROM validation_days AS kept, whole"
    " WHERE whole.day >= 0 AND kept.day > whole.day AND kept.row_count <> 0 AND NOT EXISTS"
    " (SELECT 1 FROM counted WHERE counted.day = kept.day AND counted.result = kept.result))"
)
_AHEAD: Final = "DELETE FROM validation_days WHERE day > ?"
_FORGET: Final = (
    "DELETE FROM validation_days WHERE day > (SELECT min(occurred_at) / 86400 FROM validations)"
)
_RECOUNT: Final = (
    "INSERT INTO validation_days SELECT occurred_at / 86400, result, count(*) FROM validations"
    " WHERE true GROUP BY 1, 2"
    " ON CONFLICT DO UPDATE SET row_count = max(row_count, excluded.row_count)"
)


def add_counts(connection: apsw.Connection, entries: Sequence[ValidationEntry]) -> None:
    """Count entries inside the change that appends them."""
    counted = Counter((entry.occurred_at // DAY_SECONDS, entry.result) for entry in entries)
    rows = [(day, storable(result), count) for (day, result), count in counted.items()]
    connection.executemany(_ADD, rows).fetchall()


def forget_days_after(connection: apsw.Connection, ahead: Instant) -> None:
    """Forget the days that a clock which was ahead put down, inside the change that purges them."""
    connection.execute(_AHEAD, (ahead // DAY_SECONDS,)).fetchall()


def list_counts(file: ActivityFile, first_day: int, end_day: int) -> list[ValidationCount]:
    """Give the counts of the days from the first up to but not including the end.

    Raises:
        StoreBusy, StoreUnavailable.
    """
    rows = file.rows(_OF_DAYS, (first_day, end_day))
    return [ValidationCount(day=day, result=result, number=number) for day, result, number in rows]


def find_differences(path: Path) -> int | None:
    """Count the days and results that have other numbers than the log, which is read whole.

    None where there is nothing to compare: no file, or one that no server of this release has opened.

    Raises:
        StoreBusy, StoreUnavailable.
    """
    if not is_file_there(path):
        return None
    connection = open_unchanging(path)
    try:
        if not connection.execute(DAYS_THERE).fetchall():
            return None
        return Reads(connection).number(_DIFFERENCES)
    except apsw.Error as exc:
        raise refusal(exc) from exc
    finally:
        connection.close()


def recount_days(path: Path) -> int:
    """Count the days of a log anew; give how many numbers differed, 0 where there is no log.

    Raises:
        StoreBusy, StoreUnavailable.
    """
    differed = find_differences(path) or 0
    if differed:
        file = ActivityFile(path)
        try:
            with file.changing() as connection:
                connection.execute(_FORGET).fetchall()
                connection.execute(_RECOUNT).fetchall()
        finally:
            file.close()
    return differed
