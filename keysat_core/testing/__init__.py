"""For test suites, ours and other people's: a clock, ids and bytes that repeat themselves.

Hypothesis strategies are in ``keysat_core.testing.strategies``; only importing that needs Hypothesis.
"""

from keysat_core.testing.clock import START, FixedClock
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.testing.ids import SeededIds

__all__ = ["START", "FixedClock", "SeededEntropy", "SeededIds"]
