"""Failures of this server that an operator must act on: settings, files, the database, the key."""

from keysat_core.errors.root import KeysatError


class ServerFault(KeysatError):
    """This server is broken or misconfigured; an operator must act. The message is for operators."""

    code = "server_fault"


class ConfigurationError(ServerFault):
    """A setting is missing or wrong; the message names it and the remedy."""

    code = "configuration_error"

    def __init__(self, setting: str, problem: str) -> None:
        self.setting = setting
        self.problem = problem
        super().__init__(f"{setting}: {problem}")


class NotInstalled(ServerFault):
    """A part of Keysat is not installed here. ``extra`` names what brings it."""

    code = "not_installed"

    def __init__(self, part: str, extra: str) -> None:
        self.part = part
        self.extra = extra
        super().__init__(f"{part} is not installed: pip install 'keysat[{extra}]'")


class CorruptRow(ServerFault):
    """A stored row cannot be read as what it should be."""

    code = "corrupt_row"

    def __init__(self, table: str, key: str, problem: str) -> None:
        self.table = table
        super().__init__(f"row {key} of table {table} is unreadable: {problem}")


class StoreBusy(ServerFault):
    """The database stayed locked by another process for longer than the busy timeout."""

    code = "store_busy"

    def __init__(self) -> None:
        super().__init__("the database is busy; retry")


class StoreUnavailable(ServerFault):
    """The database cannot be opened, read or written. ``problem`` says which."""

    code = "store_unavailable"

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"the database cannot be used: {problem}")


class MigrationRefused(ServerFault):
    """The database's schema cannot be brought to this program's version. The message has the remedy."""

    code = "migration_refused"


class PathTaken(ServerFault):
    """A file would have to be replaced to write this one, and no file ever is."""

    code = "path_taken"

    def __init__(self, path: str, remedy: str = "choose another name") -> None:
        self.path = path
        super().__init__(f"{path} exists already and is never overwritten; {remedy}")


class BackupUnsound(ServerFault):
    """A copy of the database is not one the shop could go on with. ``problems`` say why."""

    code = "backup_unsound"

    def __init__(self, path: str, problems: tuple[str, ...]) -> None:
        self.path = path
        self.problems = problems
        super().__init__(f"{path} is not sound: {'; '.join(problems)}")


class DatabaseInUse(ServerFault):
    """Another process has the database open, so its file cannot be exchanged. The message says where."""

    code = "database_in_use"


class LicenseFileUnwritable(ServerFault):
    """This server's own license cannot be kept beside the database. ``problem`` says why."""

    code = "license_file_unwritable"

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"the license file cannot be written: {problem}")


class SigningKeyUnusable(ServerFault):
    """The stored signing key is missing, damaged, or does not match its public key."""

    code = "signing_key_unusable"

    def __init__(self, problem: str) -> None:
        super().__init__(f"the signing key cannot be used: {problem}")
