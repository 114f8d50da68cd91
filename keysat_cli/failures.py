"""How a command that fails ends: one clear line on stderr and an exit code, never a traceback.

With ``--json`` the line is the HTTP API's envelope, with the exit code beside it (public-api 1).
"""

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import click

from keysat_cli.exit_codes import ExitCode, exit_code_of
from keysat_cli.output import OutputLost, clean, note, to_json
from keysat_core.errors import KeysatError, StillPayable, StillReferenced, TierCapReached
from keysat_http.errors import BAD_REQUEST, INTERNAL, RULES

DEBUG_VARIABLE: Final = "KEYSAT_DEBUG"
"""Set to 1, it shows where something unexpected broke."""


class ReaderGone(Exception):
    """Whoever read stdout closed it, as ``head`` does. ``is_change_made``: after a change."""

    def __init__(self, *, is_change_made: bool) -> None:
        super().__init__("the reader of the output went away")
        self.is_change_made = is_change_made


class ResultLost(Exception):
    """All was done, but stdout did not take the result; the message says so and why."""

    def __init__(self, cause: OutputLost, *, is_change_made: bool) -> None:
        super().__init__(
            f"the change was made, only its output could not be written ({cause}):"
            " do not run it again"
            if is_change_made
            else f"it was done, only its output could not be written ({cause})"
        )


class ServerRefused(Exception):
    """The server a command was for refused, or gave no answer. The message is for people.

    ``error`` and ``code`` are its own words where it had any; ``extra`` goes into the JSON.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        error: str,
        exit_code: ExitCode,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.error = error
        self.exit_code = exit_code
        self.extra = dict(extra or {})


class DifferencesFound(Exception):
    """A check did not find what it expected; the message says what."""


_ENDINGS: Final[Mapping[type[Exception], tuple[str, str, ExitCode]]] = {
    DifferencesFound: ("differences", "something differs", ExitCode.DIFFERENCES),
    ResultLost: ("output_lost", "its output could not be written", ExitCode.OUTPUT_LOST),
    click.Abort: ("aborted", "stopped; nothing more was done", ExitCode.INTERRUPTED),
}


def exit_code_after(run: Callable[[], object], *, is_json: bool) -> int:
    """Run a command and give its exit code; a failure is reported on stderr first.

    A command that ends with another code than 0 but has nothing to report returns the code.
    """
    try:
        result = run()
    except ReaderGone as gone:
        _drop_output()
        if gone.is_change_made:
            note("keysat: the change was made, but nobody read its output: do not run it again")
        return ExitCode.READER_GONE
    except (KeysatError, ServerRefused) as failure:
        return _report_failure(failure, is_json=is_json)
    except click.ClickException as failure:
        return _report_usage(failure, is_json=is_json)
    except (DifferencesFound, ResultLost, click.Abort) as ended:
        if isinstance(ended, ResultLost):
            _drop_output()
        code, message, exit_code = _ENDINGS[type(ended)]
        return _report(code, str(ended) or message, exit_code, is_json=is_json)
    except Exception as failure:  # noqa: BLE001  the last place that can hide a traceback
        return _report_unexpected(failure, is_json=is_json)
    return result if isinstance(result, int) else ExitCode.OK


def _report_failure(failure: KeysatError | ServerRefused, *, is_json: bool) -> int:
    message = str(failure)
    if isinstance(failure, ServerRefused):
        return _report(
            failure.code,
            message,
            failure.exit_code,
            is_json=is_json,
            error=failure.error,
            extra=failure.extra,
        )
    extra: dict[str, object] = {}
    if isinstance(failure, StillReferenced | StillPayable):
        message = message.replace("force=true", "--force")
    if isinstance(failure, TierCapReached):
        extra["upgrade_url"] = failure.upgrade_url
        message = message if is_json else f"{message}: {failure.upgrade_url}"
    return _report(
        failure.code,
        message,
        exit_code_of(failure),
        is_json=is_json,
        error=_error_of(failure),
        extra=extra,
    )


def _error_of(failure: KeysatError) -> str:
    """The published code; on this side of the wire a fault of the server has its own name."""
    rule = RULES.get(type(failure), INTERNAL)
    return failure.code if rule is INTERNAL else rule.error


def _report_usage(failure: click.ClickException, *, is_json: bool) -> int:
    if not is_json:
        failure.show()
        return failure.exit_code
    message = failure.format_message()
    exit_code = ExitCode(failure.exit_code)
    return _report("usage", message, exit_code, is_json=True, error=BAD_REQUEST.error)


def _report_unexpected(failure: Exception, *, is_json: bool) -> int:
    if os.environ.get(DEBUG_VARIABLE, "").strip():
        traceback.print_exception(failure)
    message = (
        f"something unexpected broke ({type(failure).__name__}); "
        f"run it again with {DEBUG_VARIABLE}=1 to see where"
    )
    return _report("internal_error", message, ExitCode.UNEXPECTED, is_json=is_json)


def _report(
    code: str,
    message: str,
    exit_code: ExitCode,
    *,
    is_json: bool,
    error: str = INTERNAL.error,
    extra: dict[str, object] | None = None,
) -> int:
    envelope: dict[str, object] = {
        "ok": False,
        "error": error,
        "message": message,
        "code": code,
        "exit_code": int(exit_code),
    }
    text = to_json(envelope | (extra or {})) if is_json else f"keysat: {clean(message)}"
    with suppress(OSError):
        click.echo(text, err=True)
    return exit_code


def _drop_output() -> None:
    """Send what is still buffered nowhere, or the interpreter would complain at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
