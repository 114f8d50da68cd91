"""The checks that a server may make of itself at any time: quick, and asking nobody."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keysat_adapters.system.disk import sizes_of
from keysat_cli.checkup.checks import CHECKS, Check
from keysat_cli.checkup.examination import examined
from keysat_cli.checkup.patient import Patient
from keysat_cli.environment import Environment
from keysat_cli.settings import StoreSettings
from keysat_core.ports.checkup import FileSize, Looked

_OTHERS: Final = frozenset({"integrity", "foreign keys", "providers answer", "public address"})
"""Two of them read the whole file, two ask others."""

QUICK: Final[tuple[Check, ...]] = tuple(check for check in CHECKS if check.name not in _OTHERS)


@dataclass(frozen=True, kw_only=True, slots=True)
class QuickCheckup:
    """Implements ``ports.checkup.Checkup``."""

    settings: StoreSettings
    environment: Environment
    folder: Path

    def look(self) -> list[Looked]:
        """Make each quick check of the doctor."""
        with examined(self._patient(), QUICK) as results:
            return [Looked(one.check.name, one.health, one.findings) for one in results]

    def file_sizes(self) -> list[FileSize]:
        """Give the sizes of the files that are there."""
        patient = self._patient()
        paths = [patient.db_path, patient.activity_path, *patient.wal_paths]
        return [FileSize(name, size) for name, size in sizes_of(paths).items()]

    def _patient(self) -> Patient:
        return Patient(
            settings=self.settings,
            environment=self.environment,
            folder=self.folder,
            is_offline=True,
        )
