"""Reading the values of one old row: what does not fit is mended, and every mending is noted.

Old tables are not STRICT, so that a column may hold anything.
"""

import re
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Final, TypeVar

import msgspec

from keysat_adapters.sqlite.earlier.report import Ledger, NoteKind
from keysat_core.domain.document import JSONValue
from keysat_core.domain.ids import is_uuid_text
from keysat_core.domain.instant import Instant
from keysat_core.limits import INSTANT_MAX, SECONDS_MAX

_Value = TypeVar("_Value")

SHOWN_CHARS: Final = 60
"""How much of a value that was mended a note shows."""

_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
"""RFC 3339 as the earlier server wrote it, and the spelling of SQLite, which means UTC (lifecycles 0)."""


class RowLeft(Exception):
    """A row cannot be carried; ``args[0]`` says why."""


def instant_of(text: object) -> Instant | None:
    """Read an old time, cut to whole seconds; None: it is no time, or one before 1970."""
    seconds = seconds_of(text)
    return Instant(seconds) if seconds is not None and 0 <= seconds <= INSTANT_MAX else None


def seconds_of(text: object) -> int | None:
    """Read an old time, whenever it was, cut to whole seconds; None: it is no time."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    day, clock, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{(offset or 'Z').upper()}")
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None


class Cells:
    """One old row. ``id`` names it in notes."""

    def __init__(self, table: str, id_: str, values: dict[str, object], ledger: Ledger) -> None:
        self.table = table
        self.id = id_
        self._values = values
        self._ledger = ledger

    def changed(self, what: str, rule: str = "decisions 24") -> None:
        """Note that the row is not carried as it was."""
        self._ledger.note(self.table, self.id, NoteKind.CHANGED, rule, what)

    def rekeyed(self, what: str, rule: str) -> None:
        """Note a change that makes the license's key another text; the old one stays valid."""
        self._ledger.rekeyed.add(self.id)
        self.changed(
            f"{what}. Its key, shown again, is another text; the old one stays valid", rule
        )

    def defect(self, what: str, rule: str) -> None:
        """Note that something is wrong with a row that is carried as it was."""
        self._ledger.note(self.table, self.id, NoteKind.DEFECT, rule, what)

    def raw(self, name: str) -> object:
        """Give a value as it lies in the file."""
        return self._values[name]

    def uuid(self, name: str) -> str:
        """Give an id that license keys pack.

        Raises:
            RowLeft: It is no lower-case UUID.
        """
        text = self.required(name)
        if not is_uuid_text(text):
            raise RowLeft(f"its {name} {shown(text)} is no lower-case UUID")
        return text

    def required(self, name: str) -> str:
        """Give a text without which the row means nothing.

        Raises:
            RowLeft: There is none.
        """
        text = self.text(name)
        if not text:
            raise RowLeft(f"it has no {name}")
        return text

    def text(self, name: str, *, chars_max: int | None = None) -> str | None:
        """Give a text or None; NUL is dropped, and what is too long is cut."""
        value = self._values[name]
        if value is None:
            return None
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        kept = text.replace("\0", "")
        if chars_max is not None:
            kept = kept[:chars_max]
        if not isinstance(value, str):
            self.changed(f"{name} was no text; it is one now")
        if kept != text:
            self.changed(f"{name} was cut to {len(kept)} of {len(text)} characters")
        return kept

    def choice(self, name: str, known: type[_Value], *, otherwise: _Value, rule: str) -> _Value:
        """Give a member of an enumeration; another word becomes ``otherwise``."""
        value = self._values[name]
        try:
            return known(value)  # type: ignore[call-arg]
        except ValueError:
            self.changed(f"{name} {shown(value)} is not known; it is {otherwise} now", rule)
            return otherwise

    def number(
        self, name: str, *, low: int = 0, high: int = SECONDS_MAX, rule: str = "decisions 24"
    ) -> int:
        """Give a whole number within bounds; one outside becomes the nearest, no number ``low``."""
        found = self.optional_number(name, low=low, high=high, rule=rule)
        return low if found is None else found

    def optional_number(
        self, name: str, *, low: int = 0, high: int = SECONDS_MAX, rule: str = "decisions 24"
    ) -> int | None:
        """Give a whole number within bounds, or None where there is none."""
        value = self._values[name]
        if value is None:
            return None
        is_number = isinstance(value, int) or (isinstance(value, float) and isfinite(value))
        number = int(value) if is_number else None  # type: ignore[call-overload]
        kept = low if number is None else min(max(number, low), high)
        if kept != value:
            self.changed(f"{name} was {shown(value)} and is {kept} now", rule)
        return kept

    def flag(self, name: str) -> bool:
        """Give a 0 or 1; anything else but 0 is 1, with a note."""
        value = self._values[name]
        if value not in (0, 1):
            self.changed(f"{name} was {shown(value)}, neither 0 nor 1")
        return value not in (0, None, "0")

    def at(self, name: str, *, otherwise: Instant | None = None, rule: str = "D33") -> Instant:
        """Give a time that must be there.

        Raises:
            RowLeft: It is not, and nothing takes its place.
        """
        found = self.optional_at(name, rule=rule)
        if found is not None:
            return found
        if otherwise is None:
            raise RowLeft(f"its {name} {shown(self._values[name])} is no time")
        return otherwise

    def optional_at(self, name: str, *, rule: str = "D33") -> Instant | None:
        """Give a time or None; what cannot be read is no time, as the earlier server took it."""
        value = self._values[name]
        if value is None:
            return None
        found = instant_of(value)
        if found is None:
            self.changed(f"{name} {shown(value)} is no time; it is empty now", rule)
        return found

    def json(self, name: str, otherwise: JSONValue) -> JSONValue:
        """Give a JSON document; what cannot be read becomes ``otherwise``."""
        value = self._values[name]
        if value is None or value == "":
            return otherwise
        try:
            text = value if isinstance(value, str | bytes) else str(value)
            document: JSONValue = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            self.changed(f"{name} {shown(value)} is not JSON; the earlier file still has it")
            return otherwise
        return document

    def words(self, name: str) -> tuple[str, ...]:
        """Give a JSON list of texts, empty where there is none."""
        document = self.json(name, [])
        if isinstance(document, list) and all(isinstance(word, str) for word in document):
            return tuple(document)
        self.changed(f"{name} {shown(self._values[name])} is no list of texts; it is empty now")
        return ()


def shown(value: object) -> str:
    """Spell a value for a note, shortened."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
