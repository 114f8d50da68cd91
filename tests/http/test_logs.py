"""Log lines: one JSON object each, without secrets."""

import errno
import io
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.secret import Secret
from keysat_core.errors import ConfigurationError
from keysat_http.logs import configure_logs, redact


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in stream.getvalue().splitlines()]


SOLD = "LIC1-AAAA-BBBB"


def sell(license_key: str) -> None:
    raise ValueError(license_key)


def report_failure(**values: str) -> None:
    try:
        sell(SOLD)
    except ValueError:
        structlog.get_logger().exception("failed", **values)


def test_a_line_is_one_json_object() -> None:
    stream = io.StringIO()
    configure_logs("info", stream=stream)
    log = structlog.get_logger("keysat.test")
    log.info("sold", invoice_id="i\n1", odd=object())
    log.debug("unseen")
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["invoice_id"]) == ("sold", "info", "i\n1")
    assert line["at"].endswith("Z")


def test_libraries_write_the_same_lines() -> None:
    stream = io.StringIO()
    configure_logs("info", stream=stream)
    logging.getLogger("uvicorn.error").warning("odd request with Bearer %s", "hush")
    logging.getLogger("uvicorn.error").info("started")
    (line,) = lines(stream)
    assert line["event"] == "odd request with ***"
    assert line["logger"] == "uvicorn.error"


def test_a_traceback_shows_no_secret() -> None:
    stream = io.StringIO()
    configure_logs("info", stream=stream)
    report_failure()
    (line,) = lines(stream)
    assert "ValueError: ***" in line["exception"]
    assert "LIC1" not in stream.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_obeys_nothing_that_is_logged() -> None:
    stream = Terminal()
    configure_logs("info", stream=stream)
    odd = "\x1b]0;owned\x07\x9b2J\r\nforged"
    structlog.get_logger().info("odd", rail=odd, deep=[{odd: (odd,)}])
    logging.getLogger("uvicorn.error").warning("odd %s", odd)
    report_failure(rail=odd)
    assert "\x1b]" not in stream.getvalue()
    assert {"\x07", "\x9b", "\r"}.isdisjoint(stream.getvalue())
    assert "\nforged" not in stream.getvalue()
    assert "Traceback (most recent call last):\n" in stream.getvalue()


def test_a_terminal_gets_plain_lines_without_local_variables() -> None:
    stream = Terminal()
    configure_logs("debug", stream=stream)
    report_failure(token="hush")  # noqa: S106
    assert "failed" in stream.getvalue()
    assert "LIC1" not in stream.getvalue()
    assert "hush" not in stream.getvalue()


@pytest.mark.parametrize("name", ["authorization", "api_key", "license_key", "Secret", "token"])
def test_what_is_named_a_secret_is_hidden(name: str) -> None:
    event = {"event": "x", name: "hush", "deep": {name: ["hush"], "list": [{name: "hush"}]}}
    assert "hush" not in repr(redact(None, "info", event))


@pytest.mark.parametrize(
    "text",
    [
        "LIC1-AB-CD",
        "lic1-ab-cd",
        "Bearer abc",
        "bearer   abc",
        "ks_0123456789abcdef",
        "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----",
    ],
)
@given(before=st.text(" ,:'\"=("), after=st.sampled_from(["", " ", '"', ", x"]))
def test_what_looks_like_a_secret_is_hidden(text: str, before: str, after: str) -> None:
    event = {"event": before + text + after, "list": [text], "tuple": (text,), "map": {"a": text}}
    assert text not in repr(redact(None, "info", event))
    assert text.rsplit(maxsplit=1)[-1] not in repr(redact(None, "info", event))


def test_harmless_values_stay() -> None:
    event = {"event": "x", "status": 200, "ok": True, "none": None, "slug": "license", "n": [1.5]}
    assert redact(None, "info", dict(event)) == event
    assert "hush" not in repr(redact(None, "info", {"event": "x", "value": Secret("hush")}))


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="KEYSAT_LOG_LEVEL"):
        configure_logs("loud")


class FullDisk(io.StringIO):
    """A file on a disk that can be full."""

    is_full = True

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, "no space left on device")
        return super().write(text)

    def flush(self) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "no space left on device")


def test_a_full_disk_under_the_log_fails_nobody_who_logs() -> None:
    stream = FullDisk()
    configure_logs("info", stream=stream)
    structlog.get_logger().info("lost")
    stream.is_full = False
    structlog.get_logger().info("kept")
    assert [line["event"] for line in lines(stream)] == ["kept"]
