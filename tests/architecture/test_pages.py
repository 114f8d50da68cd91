"""What holds for the templates, scripts and styles of pages, read as they lie there."""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import pytest

from keysat_core.domain.access import OPERATION_SCOPES
from keysat_http.pages.static_files import MEDIA_TYPES
from tests.support.tree import ROOT

PAGES: Final = ROOT / "keysat_http" / "pages"
TEMPLATES: Final = {
    str(path.relative_to(PAGES / "templates")): path.read_text("utf-8")
    for path in sorted((PAGES / "templates").rglob("*.html"))
}
STATIC: Final = PAGES / "static"
VENDORED: Final = {
    "keysat_http/pages/static/htmx.js": (
        "htmx.org 4.0.1, dist/htmx.min.js",
        "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    ),
    "tests/browser/vendor/axe.min.js": (
        "axe-core 4.14.1, axe.min.js",
        "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
    ),
}
"""What is not ours: where it comes from, and the SHA-256 of the file."""

_HOLE: Final = re.compile(r"\{\{.*?\}\}")
_COMMENT: Final = re.compile(r"\{#.*?#\}", re.DOTALL)
_TAG: Final = re.compile(r"<[a-z][^<>]*(?:\{\{[^}]*\}\}[^<>]*)*>", re.DOTALL)
_MAY: Final = re.compile(r"\bmay\(\s*[\"']([a-z_]+)[\"']\s*\)")
_SET: Final = re.compile(r"\{%\s*set (\w+) = (.*?)\s*%\}")
_CALL: Final = re.compile(r"data-(?:api|consent)=\"([A-Z]+) ([^\"]*)\"")
_STATIC_USE: Final = re.compile(r"[\w-]+\.(?:js|css|svg)\b")


def found(pattern: str, text: str) -> list[str]:
    return [match[0] for match in re.finditer(pattern, text)]


def test_templates_ask_only_about_operations_that_there_are() -> None:
    asked = {name for text in TEMPLATES.values() for name in _MAY.findall(text)}
    assert len(asked) > 10
    assert asked - OPERATION_SCOPES.keys() == set()


def test_every_form_and_button_names_an_operation_of_the_api() -> None:
    document = msgspec.json.decode((ROOT / "schema" / "openapi.json").read_bytes())
    known = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    calls = list(called())
    assert len(calls) > 15
    unknown = [
        f"{template}: {method} {path}"
        for template, method, path in calls
        if not any(method == verb and is_at(path, route) for verb, route in known)
    ]
    assert unknown == []


def called() -> Iterator[tuple[str, str, str]]:
    """Give what templates ask of the API; what is filled in when they are rendered is ``*``."""
    for template, text in TEMPLATES.items():
        values = {name: spelled(value) for name, value in _SET.findall(text)}
        for method, address in _CALL.findall(text):
            path = address
            for name, value in values.items():
                path = path.replace(f"{{{{ {name} }}}}", value)
            yield template, method, _HOLE.sub("*", path).partition("?")[0]


def spelled(value: str) -> str:
    """Give the text of ``"/a/" ~ b.id``, with a star for what is not written there."""
    parts = [part.strip() for part in value.split("~")]
    return "".join(part[1:-1] if part[:1] in {'"', "'"} else "*" for part in parts)


def is_at(path: str, route: str) -> bool:
    """Tell whether a path with stars may be at a route with parameters."""
    asked, offered = path.split("/"), route.split("/")
    return len(asked) == len(offered) and all(
        one in {"*", other} for one, other in zip(asked, offered, strict=True)
    )


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_holds_no_style_no_handler_and_nothing_from_elsewhere(template: str) -> None:
    text = _COMMENT.sub("", TEMPLATES[template])
    tags = "\n".join(_TAG.findall(text))
    assert found(r"\sstyle=", tags) == []
    assert found(r"\son[a-z]+=", tags) == []
    assert found(r"hx-on", tags) == []
    assert found(r"(?i)javascript:", tags) == []
    assert found(r"\|\s*safe\b|autoescape|Markup\(", text) == []
    assert found(r"<style(?! nonce=\"\{\{ nonce \}\}\">)|<script(?![^>]*\ssrc=)", text) == []
    assert found(r"(?:src|href|action)=[\"']?(?:https?:)?//", tags) == []


def test_scripts_and_the_style_sheet_are_given_the_nonce() -> None:
    bare = [
        f"{template}: {tag}"
        for template, text in TEMPLATES.items()
        for tag in found(r"<script[^>]*>|<link rel=\"stylesheet\"[^>]*>", text)
        if 'nonce="{{ nonce }}"' not in tag
    ]
    assert bare == []


def test_scripts_make_no_markup_of_texts_and_no_code() -> None:
    ours = [path for path in STATIC.glob("*.js") if path.name != "htmx.js"]
    bold = [
        f"{path.name}: {line.strip()[:80]}"
        for path in ours
        for line in path.read_text("utf-8").splitlines()
        if re.search(
            r"innerHTML|outerHTML\s*=|insertAdjacentHTML|document\.write|\beval\(|new Function|\.style\.",
            line,
        )
    ]
    assert bold == []


def test_nothing_of_a_page_comes_from_another_host() -> None:
    style = (STATIC / "keysat.css").read_text("utf-8")
    assert found(r"@import|https?://|url\((?!['\"]?data:)", style) == []
    for path in STATIC.glob("*.js"):
        if path.name != "htmx.js":
            assert found(r"[\"'`]https?://", path.read_text("utf-8")) == [], path.name


def test_every_file_that_is_served_is_used_and_every_one_used_is_served() -> None:
    files = {path.name for path in STATIC.iterdir() if not path.name.startswith("LICENSE")}
    assert files == set(MEDIA_TYPES)
    sources = [*TEMPLATES.values(), *(path.read_text("utf-8") for path in PAGES.rglob("*.py"))]
    used = {
        name for text in sources for name in _STATIC_USE.findall(text.replace(static_table(), ""))
    }
    assert files - used == set()


def static_table() -> str:
    """Give the table of what is served, in which naming a file is no use of it."""
    source = (PAGES / "static_files.py").read_text("utf-8")
    start = source.index("MEDIA_TYPES")
    return source[start : source.index("}", start)]


@pytest.mark.parametrize("name", VENDORED)
def test_what_is_not_ours_is_what_was_looked_at(name: str) -> None:
    origin, digest = VENDORED[name]
    path: Path = ROOT / name
    assert sha256(path.read_bytes()).hexdigest() == digest, f"{name} is no longer {origin}"
    assert list(path.parent.glob("LICENSE.*"))
