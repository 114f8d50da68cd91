"""Charts as geometry: bars by day, one on top of the other, which ``charts.html`` draws as SVG.

What a chart shows is in a table beside it too, and the legend and a tooltip name every color.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

WIDTH: Final = 440
HEIGHT: Final = 200
LEFT: Final = 44
TOP: Final = 12
BOTTOM: Final = 24

BARS_MAX: Final = 60
"""More bars than this are thinner than one can point at: then each is a week."""

WEEK_DAYS: Final = 7
TICKS: Final = 4
TONES: Final = (1, 2, 3, 4, 5)
REST: Final = 6
"""The tone of what is not told apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One color of a chart: its name, and a number for each day."""

    name: str
    tone: int
    values: Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """All bars of one color, as the data of one path."""

    tone: int
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """The place of a day or week, which says its numbers when it is pointed at."""

    x: float
    width: float
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A label of an axis, and where it is."""

    at: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A row of the table: a day or week, and the number of each series."""

    label: str
    values: Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A chart and its table. ``total`` is the sum of everything in it; 0 is not worth drawing."""

    series: Sequence[Series]
    shapes: Sequence[Shape]
    columns: Sequence[Column]
    ticks: Sequence[Mark]
    labels: Sequence[Mark]
    lines: Sequence[Line]
    total: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    base: int = HEIGHT - BOTTOM


def stacked(days: Sequence[date], series: Sequence[Series], *, is_level: bool = False) -> Chart:
    """Draw series on top of each other.

    Where there are too many days for bars, they are put together to weeks: added up, or, if the
    numbers are levels, as they were at the end of each.
    """
    size = WEEK_DAYS if len(days) > BARS_MAX else 1
    starts = range(len(days) % size and len(days) % size - size, len(days), size)
    spans = [(max(0, start), start + size) for start in starts]
    lines = [
        Line(
            label=_label(days[first], days[end - 1]),
            values=[_put(one.values[first:end], is_level=is_level) for one in series],
        )
        for first, end in spans
    ]
    top = _round_top(max((sum(line.values) for line in lines), default=0))
    step = (WIDTH - LEFT) / max(1, len(lines))
    return Chart(
        series=series,
        shapes=_shapes(series, lines, step, top),
        columns=[
            Column(
                x=round(LEFT + place * step, 2),
                width=round(step, 2),
                title=f"{line.label}: {_said(line, series)}",
            )
            for place, line in enumerate(lines)
        ],
        ticks=[
            Mark(at=_height(top * tick // TICKS, top), text=compact(top * tick // TICKS))
            for tick in range(TICKS + 1)
        ],
        labels=_labels(days, spans, step),
        lines=lines,
        total=sum(sum(one.values) for one in series),
    )


def compact(number: int) -> str:
    """Spell a number in little space: ``1.5M``."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def toned(names: Sequence[str | None], values: Sequence[Sequence[int]], rest: str) -> list[Series]:
    """Give colors to series, of which there may be more than colors; None has no name of its own."""
    told: list[Series] = []
    others: list[Sequence[int]] = []
    for name, own in zip(names, values, strict=True):
        if name is None or len(told) == len(TONES):
            others.append(own)
        else:
            told.append(Series(name=name, tone=TONES[len(told)], values=own))
    if others:
        together = [sum(column) for column in zip(*others, strict=True)]
        told.append(Series(name=rest, tone=REST, values=together))
    return told


def _shapes(series: Sequence[Series], lines: Sequence[Line], step: float, top: int) -> list[Shape]:
    below = [0] * len(lines)
    shapes = []
    for number, one in enumerate(series):
        parts = []
        for place, line in enumerate(lines):
            value = line.values[number]
            if value > 0:
                y = _height(below[place] + value, top)
                tall = round(_height(below[place], top) - y, 2)
                x, wide = round(LEFT + (place + 0.1) * step, 2), round(step * 0.8, 2)
                parts.append(f"M{x} {y}h{wide}v{tall}h-{wide}z")
                below[place] += value
        shapes.append(Shape(tone=one.tone, path="".join(parts)))
    return shapes


def _said(line: Line, series: Sequence[Series]) -> str:
    told = [
        f"{one.name} {value:,}" for one, value in zip(series, line.values, strict=True) if value
    ]
    return ", ".join(told) or "nothing"


def _labels(days: Sequence[date], spans: Sequence[tuple[int, int]], step: float) -> list[Mark]:
    """Label about six of the bars."""
    every = max(1, len(spans) // 6)
    return [
        Mark(at=round(LEFT + (place + 0.5) * step, 1), text=f"{days[first].day} {days[first]:%b}")
        for place, (first, _) in enumerate(spans)
        if place % every == every // 2
    ]


def _label(first: date, last: date) -> str:
    return first.isoformat() if first == last else f"{first} to {last}"


def _put(values: Sequence[int], *, is_level: bool) -> int:
    return values[-1] if is_level else sum(values)


def _height(value: int, top: int) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / top, 2)


def _round_top(most: int) -> int:
    """Give the end of the axis: the next number that four ticks divide evenly."""
    size = TICKS
    while size * 10 <= most:
        size *= 10
    return next(
        size * factor // 2
        for factor in (2, 3, 4, 5, 6, 8, 10, 12, 16, 20)
        if size * factor >= 2 * most
    )
