"""``.env``: the well-known syntax, strictly."""

from pathlib import Path

import pytest

from keysat_cli.env_file import FILE_BYTES_MAX, parse_env, read_env_file
from keysat_core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("  A = b  ", "b"),
        ("export A=b", "b"),
        ("A=", ""),
        ("A=b # said", "b"),
        ("A=b#c", "b#c"),
        ("A=# nothing", ""),
        ("A=b=c", "b=c"),
        ('A="b # c"', "b # c"),
        ('A="b" # said', "b"),
        ('A="b\\nc\\t\\"\\\\\\$"', 'b\nc\t"\\$'),
        ('A="\\q"', "\\q"),
        ("A='b\\n$c \"'", 'b\\n$c "'),
        ("A=''", ""),
        ("A=$HOME", "$HOME"),
        ("A=it's", "it's"),
    ],
)
def test_a_line_is_read(line: str, value: str) -> None:
    assert parse_env(line) == {"A": value}


def test_comments_and_empty_lines_say_nothing() -> None:
    assert parse_env("\n# A=1\n   \n  # B=2\nC=3\r\n") == {"C": "3"}


def test_the_last_of_two_wins() -> None:
    assert parse_env("A=1\nA=2") == {"A": "2"}


@pytest.mark.parametrize(
    "line", ["A", "A B=1", "1A=2", "=1", 'A="b', "A='b", 'A="b" c', "export", "A-B=1", 'A="b\\"']
)
def test_a_line_that_cannot_be_read_is_named(line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_env(f"# first\n{line}\n")
    assert caught.value.setting == ".env line 2"
    assert line == "A" or line not in str(caught.value)


def test_a_file_that_is_not_there_sets_nothing(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / ".env") == {}


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfA=\xc3\xbc\r\n")
    assert read_env_file(tmp_path / ".env") == {"A": "ü"}


@pytest.mark.parametrize("content", [b"A=\xff\n", b"A=" + b"b" * FILE_BYTES_MAX])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigurationError):
        read_env_file(tmp_path / ".env")


def test_a_folder_under_this_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_env_file(tmp_path / ".env")
