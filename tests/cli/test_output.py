"""How results are spelled for people."""

import pytest

from keysat_cli.output import clean, duration_text, facts, listing, money_text, shown, table
from keysat_core.domain.money import Currency, Money


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    assert table(("name", "n"), [("a", 1), ("longer", 200)]) == [
        "NAME      N",
        "a         1",
        "longer  200",
    ]


def test_nothing_to_list_is_said_in_words() -> None:
    assert listing(("a",), [], noun="things") == ["No things."]
    assert listing(("a",), [("x",)], noun="things") == ["A", "x"]


def test_facts_stand_under_each_other() -> None:
    assert facts([("a", None), ("long", True)]) == ["a     -", "long  yes"]
    assert facts([]) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        ((), "-"),
        (["a", "b"], "a, b"),
        ({"a": 1}, '{"a":1}'),
        (Money(currency=Currency.EUR, amount=5), "0.05 EUR"),
    ],
)
def test_every_value_fits_on_a_line(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("text", ["\x1b[31m", "a\nb", "\u202e", "\x00", "\x9b2J"])
def test_control_characters_are_replaced(text: str) -> None:
    assert clean(text).isprintable()


def test_cents_are_spelled_behind_a_point() -> None:
    assert money_text(Money(currency=Currency.USD, amount=1999)) == "19.99 USD"
    assert money_text(Money(currency=Currency.SAT, amount=1999)) == "1999 SAT"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "perpetual"), (86_400, "1 d"), (7_200, "2 h"), (90, "90 s"), (120, "2 min")],
)
def test_a_duration_has_the_largest_unit_that_fits(seconds: int, text: str) -> None:
    assert duration_text(seconds) == text
