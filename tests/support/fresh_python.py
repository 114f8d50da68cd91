"""Python in a process of its own: for what importing or registering leaves behind."""

import subprocess
import sys
from pathlib import Path

from tests.support.program import clean_environment


def run_python(source: str, folder: Path) -> str:
    """Run a program in a folder; it must succeed, and what it printed is given."""
    done = subprocess.run(  # noqa: S603  our own interpreter and our own source
        [sys.executable, "-W", "error", "-c", source],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
