"""The files that a page of the documentation is made of.

A code block whose first line is a comment with a file's name begins that file; the blocks of the
same language behind it go on with it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.tree import ROOT

_NAMED: Final = re.compile(r"(?:#|//) (\S+\.\w+)\n")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block; ``line`` is that of its first line of code."""

    language: str
    text: str
    line: int


def blocks_on(page: str) -> Iterator[Block]:
    """Give the fenced blocks of a page, from the top."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE):
        line = text.count("\n", 0, found.start()) + 2
        yield Block(language=found[1], text=found[2], line=line)


def files_on(page: str, language: str) -> dict[str, str]:
    """Give a page's files of one language. Each line stands where it stands on the page."""
    files: dict[str, str] = {}
    name = ""
    for block in blocks_on(page):
        if block.language != language:
            continue
        if named := _NAMED.match(block.text):
            name = named[1]
            assert name not in files, f"{page}:{block.line}: {name} is begun twice"
            files[name] = ""
        assert name, f"{page}:{block.line}: this block belongs to no file"
        files[name] += "\n" * (block.line - 1 - files[name].count("\n")) + block.text
    return files


def write_files(folder: Path, page: str, language: str) -> list[Path]:
    """Write a page's files of one language below a folder."""
    written = []
    for name, text in files_on(page, language).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
