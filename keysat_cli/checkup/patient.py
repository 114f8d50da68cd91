"""What the doctor looks at."""

from dataclasses import dataclass, field
from pathlib import Path

from keysat_adapters.sqlite.activity_file import activity_path
from keysat_adapters.sqlite.inspection import Inspection
from keysat_adapters.system.drift import DriftWatch
from keysat_cli.environment import Environment
from keysat_cli.settings import StoreSettings
from keysat_cli.wiring import CLOCK
from keysat_core.domain.instant import Instant
from keysat_core.errors import StoreUnavailable


@dataclass(kw_only=True, slots=True)
class Patient:
    """What is looked at. ``folder`` is where ``.env`` is looked for.

    ``is_offline``: nobody is asked anything. ``trust_root_problem``: why the trust root that was set
    cannot be used; the settings then have Keysat's own.
    """

    settings: StoreSettings
    environment: Environment
    folder: Path
    is_full: bool = False
    is_offline: bool = False
    trust_root_problem: str | None = None
    drift: DriftWatch = field(default_factory=DriftWatch)
    now: Instant = field(default_factory=CLOCK.now)
    opened: Inspection | None = None

    @property
    def database(self) -> Inspection:
        """The open database.

        Raises:
            StoreUnavailable: it could not be opened.
        """
        if self.opened is None:
            raise StoreUnavailable("it could not be opened")
        return self.opened

    @property
    def db_path(self) -> Path:
        """The main database's file."""
        return self.settings.db_path

    @property
    def activity_path(self) -> Path:
        """The validation log's file."""
        return Path(activity_path(self.db_path))

    @property
    def wal_paths(self) -> list[Path]:
        """The write-ahead logs of both files."""
        return [path.with_name(f"{path.name}-wal") for path in (self.db_path, self.activity_path)]
