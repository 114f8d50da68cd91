"""How often the server backs itself up, where to, and how many backups it keeps."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

from keysat_cli.environment import Environment
from keysat_cli.options import DURATION
from keysat_core.domain.backup_schedule import BackupsKept
from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.errors import ConfigurationError, InvariantError
from keysat_core.limits import BACKUP_EVERY_SECONDS_MAX, BACKUP_EVERY_SECONDS_MIN, BACKUPS_KEPT_MAX

FOLDER: Final = "backups"
"""Beside the database, unless another place is named."""

OFF: Final = "off"
"""What the interval says when the server is to make none."""

ALL: Final = "all"
"""What the number says when none is to be removed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupSettings:
    """The schedule.

    Attributes:
        every_seconds: The interval; None: the server makes no backups by itself.
        folder: Where they are put; None: where the database is.
        kept: How many are kept; None: all.
    """

    every_seconds: int | None = DAY_SECONDS
    folder: Path | None = None
    kept: BackupsKept | None = field(default_factory=BackupsKept)


def read_backup_settings(environment: Environment) -> BackupSettings:
    """Read the schedule.

    Raises:
        ConfigurationError: one of the three settings makes no sense.
    """
    every, kept = environment.find("KEYSAT_BACKUP_EVERY"), environment.find("KEYSAT_BACKUP_KEEP")
    defaults = BackupSettings()
    return BackupSettings(
        every_seconds=_every_seconds(every) if every else defaults.every_seconds,
        folder=_folder(environment.find("KEYSAT_BACKUP_FOLDER")),
        kept=_kept(kept) if kept else defaults.kept,
    )


def _every_seconds(text: str) -> int | None:
    if text.lower() == OFF:
        return None
    try:
        seconds = DURATION.convert(text, None, None)
    except click.BadParameter:
        seconds = 0
    if not BACKUP_EVERY_SECONDS_MIN <= seconds <= BACKUP_EVERY_SECONDS_MAX:
        shortest = BACKUP_EVERY_SECONDS_MIN // 60
        longest = BACKUP_EVERY_SECONDS_MAX // DAY_SECONDS
        raise ConfigurationError(
            "KEYSAT_BACKUP_EVERY",
            f"{text!r} must be a duration such as 24h, from {shortest}m to {longest}d, or {OFF}",
        )
    return seconds


def _folder(text: str | None) -> Path | None:
    if text is None:
        return None
    try:
        folder = Path(text).expanduser()
        is_other = folder.exists() and not folder.is_dir()
    except (OSError, RuntimeError) as exc:
        raise ConfigurationError(
            "KEYSAT_BACKUP_FOLDER", f"{text!r} cannot be looked at by the user Keysat runs as"
        ) from exc
    if is_other:
        raise ConfigurationError("KEYSAT_BACKUP_FOLDER", f"{text!r} is a file, not a folder")
    return folder


def _kept(text: str) -> BackupsKept | None:
    if text.lower() == ALL:
        return None
    counts: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = (word.strip() for word in part.partition("="))
        is_number = number.isascii() and number.isdecimal()
        if name not in BackupsKept.__struct_fields__ or name in counts or not is_number:
            raise _senseless(text)
        counts[name] = min(int(number[:9]), BACKUPS_KEPT_MAX + 1)
    if not any(counts.values()):
        raise _senseless(text)
    try:
        # What is not named is not kept for its own sake.
        return BackupsKept(**dict.fromkeys(BackupsKept.__struct_fields__, 0) | counts)
    except InvariantError:
        raise _senseless(text) from None


def _senseless(text: str) -> ConfigurationError:
    return ConfigurationError(
        "KEYSAT_BACKUP_KEEP",
        f"{text!r} must say how many, such as last=3,daily=7,weekly=4,monthly=6, each at most"
        f" {BACKUPS_KEPT_MAX} and not all 0; or {ALL}",
    )
