"""Any color a seller chooses leaves every text readable. Source: WCAG 2.2, 1.4.3 and 1.4.11."""

from hypothesis import given
from hypothesis import strategies as st

from keysat_http.pages.theme import (
    DARK_GROUNDS,
    LIGHT_GROUNDS,
    Shades,
    contrast,
    theme_of,
)

colors = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def assert_readable(shades: Shades, grounds: tuple[str, ...]) -> None:
    for ground in (*grounds, shades.soft):
        assert contrast(shades.accent, ground) >= 4.5
        assert contrast(shades.strong, ground) >= 4.5
    for accent in (shades.accent, shades.strong):
        assert contrast(shades.on_accent, accent) >= 4.5


@given(colors)
def test_text_and_borders_in_a_sellers_color_can_be_read_in_both_schemes(color: str) -> None:
    theme = theme_of(color)
    assert theme is not None
    assert_readable(theme.light, LIGHT_GROUNDS)
    assert_readable(theme.dark, DARK_GROUNDS)


@given(colors)
def test_a_color_that_is_readable_is_kept(color: str) -> None:
    theme = theme_of(color)
    assert theme is not None
    if all(contrast(color, ground) >= 4.5 for ground in (*LIGHT_GROUNDS, theme.light.soft)):
        assert theme.light.accent == color
    assert theme_of(theme.light.accent) is not None


@given(st.text(max_size=12))
def test_what_is_no_color_makes_no_theme(text: str) -> None:
    theme = theme_of(text)
    digits = text.strip().removeprefix("#")
    is_color = len(digits) in {3, 6} and all(one in "0123456789abcdefABCDEF" for one in digits)
    assert (theme is not None) is is_color


def test_short_colors_are_the_long_ones() -> None:
    assert theme_of("#1aF") == theme_of("#11aaff")
    assert contrast("#000000", "#ffffff") == 21
