"""What a chart draws is what its table says."""

import re
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.actor import Scope
from keysat_http.pages.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    TOP,
    WIDTH,
    Chart,
    Series,
    compact,
    stacked,
    toned,
)
from tests.support.shop import running_shop

FIRST = date(2026, 1, 1)
VALUES = st.integers(0, 10**9)


def days(count: int) -> list[date]:
    return [FIRST + timedelta(days=number) for number in range(count)]


def heights(chart: Chart, number: int) -> list[float]:
    return [float(tall) for tall in re.findall(r"v([0-9.]+)", chart.shapes[number].path)]


@given(data=st.data(), count=st.sampled_from([1, 7, 30, 90, 365]), colors=st.integers(1, 6))
def test_nothing_is_lost_and_nothing_leaves_the_drawing(
    data: st.DataObject, count: int, colors: int
) -> None:
    series = [
        Series(
            name=f"s{tone}",
            tone=tone,
            values=data.draw(st.lists(VALUES, min_size=count, max_size=count)),
        )
        for tone in range(1, colors + 1)
    ]
    chart = stacked(days(count), series)
    assert chart.total == sum(sum(one.values) for one in series)
    for number, one in enumerate(series):
        assert sum(line.values[number] for line in chart.lines) == sum(one.values)
        assert len(heights(chart, number)) == sum(line.values[number] > 0 for line in chart.lines)
    for place in range(len(chart.lines)):
        assert LEFT <= chart.columns[place].x <= WIDTH
    for shape in chart.shapes:
        for y in re.findall(r"M[0-9.]+ (-?[0-9.]+)h", shape.path):
            assert TOP - 0.1 <= float(y) <= HEIGHT - BOTTOM


def test_many_days_are_put_together_to_weeks_that_end_today() -> None:
    added = stacked(days(90), [Series(name="a", tone=1, values=[1] * 90)])
    assert [line.values[0] for line in added.lines] == [6, *[7] * 12]
    assert added.lines[0].label == "2026-01-01 to 2026-01-06"
    assert added.lines[-1].label.endswith("2026-03-31")
    level = stacked(days(90), [Series(name="a", tone=1, values=range(90))], is_level=True)
    assert level.lines[-1].values == [89]


def test_a_column_says_what_it_holds() -> None:
    chart = stacked(days(2), [Series(name="a", tone=1, values=[1_500, 0])])
    assert [one.title for one in chart.columns] == ["2026-01-01: a 1,500", "2026-01-02: nothing"]
    assert [tick.text for tick in chart.ticks] == ["0", "400", "800", "1.2k", "1.6k"]
    assert [compact(number) for number in (7, 1_000, 2_500_000, 10**9)] == ["7", "1k", "2.5M", "1G"]


def test_what_has_no_color_is_put_together() -> None:
    names = ["a", "b", "c", "d", "e", "f", None]
    told = toned(names, [[number] for number in range(7)], "others")
    assert [one.name for one in told] == ["a", "b", "c", "d", "e", "others"]
    assert (told[-1].values, told[-1].tone) == ([11], 6)


def test_the_overview_shows_only_what_the_credential_may_see() -> None:
    shown = {
        "Active licenses": Scope.LICENSES_READ,
        "Webhooks": Scope.WEBHOOKS_READ,
        "Community analytics": Scope.COMMUNITY_READ,
        "Exchange rates": Scope.RATES_READ,
        "The database": Scope.MASTER,
    }
    least = frozenset({Scope.TIER_READ, Scope.PAYMENT_PROVIDERS_READ})
    for words, scope in (*shown.items(), ("", Scope.TIER_READ)):
        with running_shop(scopes=least | {scope}) as shop:
            page = shop.client.get("/admin/", headers={"authorization": "Bearer scoped"})
            assert page.status_code == 200
            main = page.text.partition("<main")[2]
            assert {one for one in shown if one in main} == ({words} if words else set())
