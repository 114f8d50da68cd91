"""A seller's color on the pages of buyers, such that everything stays readable.

The color is kept where its contrast suffices, else made darker or lighter until it does.
Source: WCAG 2.2, 1.4.3 and the definitions of relative luminance and contrast ratio.
"""

import colorsys
import re
from dataclasses import dataclass
from typing import Final

RGB = tuple[float, float, float]

TEXT_CONTRAST: Final = 4.5
"""Source: WCAG 2.2, 1.4.3, level AA."""
LIGHT_GROUNDS: Final = ("#f7f5f1", "#ffffff", "#f0ede7")
DARK_GROUNDS: Final = ("#161513", "#1f1e1b", "#282622")
"""What stands behind the accent in ``keysat.css``: paper, card, sunk."""
STEP: Final = 0.01
LINEAR_UNTIL: Final = 0.04045
"""Where the curve of sRGB begins."""

_HEX: Final = re.compile(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shades:
    """An accent for one scheme, as ``#rrggbb``: itself, stronger, soft behind text, and text on it."""

    accent: str
    strong: str
    soft: str
    on_accent: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Theme:
    """The accents of both schemes."""

    light: Shades
    dark: Shades


def theme_of(color: str | None) -> Theme | None:
    """Make a theme of a color; None for none, or for what is no color."""
    match = _HEX.fullmatch((color or "").strip())
    if match is None:
        return None
    digits = match[1] if len(match[1]) == len("rrggbb") else "".join(c * 2 for c in match[1])
    rgb = _rgb("#" + digits.lower())
    return Theme(
        light=_shades(rgb, LIGHT_GROUNDS, -STEP),
        dark=_shades(rgb, DARK_GROUNDS, STEP),
    )


def contrast(one: str, other: str) -> float:
    """Give the contrast ratio of two colors, between 1 and 21."""
    bright, dim = sorted((_luminance(_rgb(one)), _luminance(_rgb(other))), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _shades(rgb: RGB, grounds: tuple[str, ...], step: float) -> Shades:
    soft = _hex(_mixed(rgb, _rgb(grounds[0]), 0.12))
    accent = _readable(rgb, (*grounds, soft), step)
    strong = _readable(_moved(_rgb(accent), step * 12), (*grounds, soft), step)
    white, black = "#ffffff", "#000000"
    on_accent = max(
        (white, black), key=lambda text: min(contrast(text, accent), contrast(text, strong))
    )
    return Shades(accent=accent, strong=strong, soft=soft, on_accent=on_accent)


def _readable(rgb: RGB, grounds: tuple[str, ...], step: float) -> str:
    """Move a color toward black or white until text in it can be read on every ground."""
    color = _hex(rgb)
    while min(contrast(color, ground) for ground in grounds) < TEXT_CONTRAST:
        rgb = _moved(rgb, step)
        color = _hex(rgb)
        if color in {"#000000", "#ffffff"}:
            break
    return color


def _moved(rgb: RGB, by: float) -> RGB:
    hue, lightness, saturation = colorsys.rgb_to_hls(*rgb)
    return colorsys.hls_to_rgb(hue, min(1.0, max(0.0, lightness + by)), saturation)


def _mixed(rgb: RGB, ground: RGB, share: float) -> RGB:
    red, green, blue = (
        one * share + other * (1 - share) for one, other in zip(rgb, ground, strict=True)
    )
    return red, green, blue


def _luminance(rgb: RGB) -> float:
    red, green, blue = (
        part / 12.92 if part <= LINEAR_UNTIL else ((part + 0.055) / 1.055) ** 2.4 for part in rgb
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _rgb(color: str) -> RGB:
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hex(rgb: RGB) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in rgb)
