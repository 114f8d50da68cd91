"""For test suites, ours and other people's: a shop in memory, and ports that repeat themselves.

Hypothesis strategies are in ``keysat_core.testing.strategies``; only importing that needs Hypothesis.
"""

from keysat_core.testing.actors import BUYER, OPERATOR
from keysat_core.testing.clock import START, FixedClock
from keysat_core.testing.entropy import SeededEntropy
from keysat_core.testing.ids import SeededIds
from keysat_core.testing.sandbox import PUBLIC_URL, SandboxPorts, Sold, sandbox_ports
from keysat_core.testing.self_licenses import MemorySelfLicenses

__all__ = [
    "BUYER",
    "OPERATOR",
    "PUBLIC_URL",
    "START",
    "FixedClock",
    "MemorySelfLicenses",
    "SandboxPorts",
    "SeededEntropy",
    "SeededIds",
    "Sold",
    "sandbox_ports",
]
