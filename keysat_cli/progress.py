"""How far a long command has come, on a terminal; nothing of it where programs read."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

import click

from keysat_cli.output import is_json_wanted

Progress: TypeAlias = Callable[[int, int], None]
"""Told now and then how many of how many parts are done."""

_WHOLE: Final = 100


@contextmanager
def progress_shown(label: str) -> Iterator[Progress]:
    """Show a bar on stderr while somebody can see it."""
    if is_json_wanted() or not sys.stderr.isatty():
        yield _unseen
        return
    with click.progressbar(length=_WHOLE, label=label, file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.update(_WHOLE * done // max(total, 1) - bar.pos)

        yield progress


def _unseen(done: int, total: int) -> None:
    del done, total
