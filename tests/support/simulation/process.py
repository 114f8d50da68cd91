"""A server process on the shared database: it takes requests, dies, and starts again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from keysat_adapters.sqlite.activity import Activity
from keysat_adapters.sqlite.activity_file import activity_path
from keysat_adapters.sqlite.cached_facts import CachedFacts
from keysat_adapters.sqlite.connection import open_writer
from keysat_adapters.sqlite.key_ring import SQLiteKeyRing
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.ports.bundle import Ports
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.facts import ValidationFacts
from keysat_core.ports.ids import Ids
from keysat_core.ports.lightning import LightningAddresses
from keysat_core.ports.payments import PaymentProviders
from keysat_core.ports.rates import Rates
from keysat_core.ports.store import Store
from keysat_core.testing.self_licenses import MemorySelfLicenses
from tests.support.simulation.seam import SimulatedFacts, SimulatedStore, SkewedClock, Write
from tests.support.simulation.stage import Call, Died, Stage
from tests.support.trade import PATRON

_Answer = TypeVar("_Answer")


class Unanswered(Exception):
    """No answer came. Whether the request was done is unknown to who made it."""


@dataclass(kw_only=True)
class Surroundings:
    """What every process is given anew at its start; ``bend`` is where a test breaks a rule."""

    path: Path
    ids: Ids
    entropy: Entropy
    rates: Rates
    providers: PaymentProviders
    lightning: LightningAddresses
    on_commit: Callable[[list[Write]], None]
    bend: Callable[[Store], Store]
    bend_facts: Callable[[ValidationFacts], ValidationFacts]


def open_file(path: Path) -> SQLiteStore:
    """Open the database. Processes die here, machines do not: nothing has to reach the disk."""
    return SQLiteStore(path, open_writer(path, synchronous="OFF"))


class Process:
    """One server process; ``ports`` is None while it is dead."""

    def __init__(self, name: str, stage: Stage, around: Surroundings) -> None:
        self.name = name
        self.clock = SkewedClock(stage.clock)
        self.ports: Ports | None = None
        self._stage = stage
        self._around = around
        self._file: SQLiteStore | None = None
        self._facts: CachedFacts | None = None
        self._activity: Activity | None = None
        self._keys: SQLiteKeyRing | None = None

    def start(self) -> None:
        """Start with nothing but what the database holds."""
        self.close()
        around = self._around
        self._file = open_file(around.path)
        self._facts = CachedFacts(self._file)
        self._activity = Activity(activity_path(around.path))
        self._keys = SQLiteKeyRing(self._file)
        self.ports = Ports(
            clock=self.clock,
            entropy=around.entropy,
            ids=around.ids,
            store=around.bend(SimulatedStore(self._file, self._stage, around.on_commit)),
            facts=SimulatedFacts(around.bend_facts(self._facts), self._stage),
            keys=self._keys,
            providers=around.providers,
            rates=around.rates,
            validations=self._activity.validations,
            heartbeats=self._activity.heartbeats,
            self_licenses=MemorySelfLicenses(PATRON),
            lightning=around.lightning,
        )

    def die(self) -> None:
        """Lose everything in memory. What waits in this process hears of it when it goes on."""
        self.ports = None
        self._stage.kill_calls(self.name)

    def close(self) -> None:
        """Let go of the files; what waits in memory is lost."""
        if self._facts is not None:
            self._facts.close()
            self._facts = None
        if self._activity is not None:
            self._activity.file.close()
            self._activity = None
        if self._keys is not None:
            self._keys.close()
            self._keys = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def call(self, what: str, work: Callable[[Ports], _Answer]) -> _Answer:
        """Make a request.

        Raises:
            Unanswered: the process is dead, dies meanwhile, or its answer is lost on the way.
        """
        answer = self.run(what, work)
        if self._stage.strikes("reply_lost"):
            raise Unanswered
        return answer

    def run(self, what: str, work: Callable[[Ports], _Answer]) -> _Answer:
        """Do something inside this process.

        Raises:
            Unanswered: the process is dead or dies meanwhile.
        """
        ports = self.ports
        if ports is None:
            raise Unanswered
        with self._stage.calling(Call(self.name, self.die)):
            self._stage.note(f"> {what}")
            try:
                return work(ports)
            except Died:
                raise Unanswered from None
