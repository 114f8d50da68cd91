"""What the demo shows: numbered steps, each with real requests and the essence of the answers."""

from collections.abc import Mapping, Sequence
from typing import Final

import click
import msgspec

from keysat_cli.output import clean, shown

TEXT_CHARS_MAX: Final = 80
"""Longest text shown of a field; license keys and PEM blocks are longer and say nothing to the eye."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer. ``answer`` is the JSON that came, None for a page."""

    method: str
    path: str
    request: Mapping[str, object] | None
    status: int
    answer: Mapping[str, object] | None


class Step(msgspec.Struct, kw_only=True):
    """One thing that happens; ``notes`` are facts that came by no request."""

    title: str
    exchanges: list[Exchange] = []
    notes: list[str] = []


class Transcript:
    """Keeps the steps, and prints them as they happen unless ``is_silent``."""

    def __init__(self, *, is_silent: bool) -> None:
        self.steps: list[Step] = []
        self._is_silent = is_silent

    def begin(self, title: str) -> None:
        """Begin a step."""
        self.steps.append(Step(title=title))
        self._print("")
        self._print(click.style(f"{len(self.steps)}. {title}", bold=True))

    def add(self, exchange: Exchange, *, shows: Sequence[str]) -> None:
        """Keep an exchange; of the answer only the fields ``shows`` are printed."""
        self.steps[-1].exchanges.append(exchange)
        line = f"{exchange.method} {exchange.path}"
        if exchange.request is not None:
            line += f" {_short_json(exchange.request)}"
        self._print(f"   → {clean(line)}")
        answer = exchange.answer or {}
        essence = ", ".join(f"{name}: {_short(answer[name])}" for name in shows if name in answer)
        self._print(click.style(f"   ← {exchange.status}  {essence}".rstrip(), fg="green"))

    def note(self, text: str) -> None:
        """Keep a fact that came by no request."""
        self.steps[-1].notes.append(text)
        self._print(click.style(f"   · {clean(text)}", fg="cyan"))

    def _print(self, line: str) -> None:
        if not self._is_silent:
            click.echo(line)


def _short(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_short(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return _short(value.get("slug", msgspec.json.encode(value).decode()))
    text = shown(value)
    return text if len(text) <= TEXT_CHARS_MAX else f"{text[:TEXT_CHARS_MAX]}…"


def _short_json(document: Mapping[str, object]) -> str:
    cut = {
        name: f"{value[:TEXT_CHARS_MAX]}…"
        if isinstance(value, str) and len(value) > TEXT_CHARS_MAX
        else value
        for name, value in document.items()
    }
    return msgspec.json.encode(cut).decode()
