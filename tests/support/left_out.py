"""Tests of what needs programs or rights that not every machine has."""

import os
import shutil
from typing import NoReturn

import pytest


def need_programs(*names: str) -> None:
    """Leave the test out where one of these programs is missing."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if missing := [name for name in names if shutil.which(name, path=path) is None]:
        leave_out(f"{' and '.join(missing)} not installed here; .ci/packages lists the packages")


def need_root() -> None:
    """Leave the test out where somebody without rights runs it."""
    if os.geteuid() != 0:
        leave_out("it takes root")


def leave_out(why: str) -> NoReturn:
    """Leave the test out, but fail in the gate (``.ci/run``), where it must run.

    Raises:
        Exception: pytest's own, which ends the test.
    """
    if os.environ.get("NOTHING_LEFT_OUT"):
        pytest.fail(f"this must be tested here, but {why}")
    pytest.skip(f"left out: {why}")
