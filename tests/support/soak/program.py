"""The soak as a program of its own, as ``make soak`` runs it."""

import subprocess
import sys

import pytest

from tests.support.tree import ROOT


def said_by(*options: str, seconds: int) -> str:
    """Run the program, and give what it says; what it says when it fails is why the test fails."""
    command = [sys.executable, "-m", "tests.simulation.soak", *options]
    done = subprocess.run(  # noqa: S603  our own program
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=seconds
    )
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)
    return done.stdout
