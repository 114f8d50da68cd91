"""Structured logs: JSON lines on stderr, plain ones on a terminal, and never a secret.

The last thing before a line is written is a look for what must not be in it: it is the second
defence, the first being that nobody logs bodies, queries or keys.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Final, TextIO, cast

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from keysat_core.errors import ConfigurationError

HIDDEN: Final = "***"
LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

_SECRET_NAMES: Final = re.compile(
    r"(?:^|_)(?:authorization|cookie|key|keys|password|pem|secret|token)$", re.IGNORECASE
)
_SECRET_TEXTS: Final = re.compile(
    r"LIC1-[^\s\"',]+|Bearer\s+[^\s\"',]+|\bks_[A-Za-z0-9_-]{8,}|"
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_DEPTH_MAX: Final = 4


def configure_logs(level: str, *, stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's records to ``stream`` (stderr by default).

    Raises:
        ConfigurationError: there is no such level.
    """
    if level.lower() not in LEVELS:
        raise ConfigurationError("KEYSAT_LOG_LEVEL", f"must be one of {', '.join(LEVELS)}")
    number = LEVELS[level.lower()]
    out = sys.stderr if stream is None else stream
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    after = [*_renderers(out)]
    structlog.configure(
        processors=[*before, *after],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Lossy(out))),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after],
        )
    )
    # Libraries speak of their own business: only what they find worth a warning, or asked for.
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
    logging.getLogger("uvicorn.error").setLevel(max(number, logging.WARNING))


class _Lossy:
    """A stream that drops what it cannot write: a full disk under the log must fail no request."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> None:
        """Write, or drop."""
        with suppress(OSError):
            self._out.write(text)

    def flush(self) -> None:
        """Pass on what was written, or keep it for the next time."""
        with suppress(OSError):
            self._out.flush()


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Hide every value that is a secret by its name or by its looks."""
    return {name: _without_secrets(name, value, 0) for name, value in event.items()}


def _renderers(out: TextIO) -> list[Processor]:
    if out.isatty():
        # The pretty tracebacks show local variables, and with them secrets.
        plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        return [structlog.processors.format_exc_info, redact, _printable, plain]
    return [
        structlog.processors.format_exc_info,
        redact,
        structlog.processors.JSONRenderer(serializer=_to_json),
    ]


def _printable(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Leave nothing in texts that a terminal would obey; JSON has it escaped. Tracebacks keep lines."""
    return {
        name: _plain(value, also="\n" if name == "exception" else "")
        if isinstance(value, str)
        else value
        for name, value in event.items()
    }


def _plain(text: str, *, also: str) -> str:
    return "".join(sign if sign.isprintable() or sign in also else "?" for sign in text)


def _to_json(event: MutableMapping[str, Any], **_: object) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode("utf-8")


def _without_secrets(name: object, value: object, depth: int) -> object:
    if value is None or isinstance(value, int | float):
        return value
    if depth >= _DEPTH_MAX or (isinstance(name, str) and _SECRET_NAMES.search(name)):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): _without_secrets(key, item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_secrets(None, item, depth + 1) for item in value]
    return _SECRET_TEXTS.sub(HIDDEN, value if isinstance(value, str) else repr(value))
