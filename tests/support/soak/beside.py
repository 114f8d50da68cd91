"""The soak beside the test suite: it takes the processor time that the suite leaves over.

Twenty seeds of ten thousand purchases take as long as the rest of the suite together. It starts when
the tests have been collected, at low priority, and the test that waits for it comes last.
"""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import Final

from tests.support.tree import ROOT

SEEDS: Final = 20
PURCHASES: Final = 10_000
SECONDS: Final = 1_500
"""What the slowest machine takes for all of them, and more."""


class SoakBeside:
    """One run of the program in processes of its own."""

    def __init__(self) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  closed when the session ends
        options = (f"--purchases={PURCHASES}", f"--seeds={SEEDS}", "--first=1", "--jobs=2")
        self._process = subprocess.Popen(  # noqa: S603  our own program
            ["nice", "-n", "10", sys.executable, "-m", "tests.simulation.soak", *options],  # noqa: S607
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def result(self) -> tuple[int, str]:
        """Wait for its end, and give the exit code and what was said."""
        code = self._process.wait(SECONDS)
        self._output.seek(0)
        return code, self._output.read().decode()

    def end(self) -> None:
        """Stop it if it still runs, with the processes it started."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._output.close()
