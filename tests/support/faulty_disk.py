"""A disk below SQLite that dies, fills up or breaks at a planned write. Source: SQLite's VFS."""

from typing import Final

import apsw

from tests.support.fault_plan import Act, FaultPlan, Site, die

ERRORS: Final = {
    Act.FULL: apsw.FullError,
    Act.READ_ONLY: apsw.ReadOnlyError,
    Act.BROKEN: apsw.IOError,
}


class FaultyDisk(apsw.VFS):
    """Every database this process opens from now on goes through it. Keep it referenced."""

    def __init__(self, plan: FaultPlan) -> None:
        super().__init__("faulty", base="unix", makedefault=True)
        self._plan = plan

    def xOpen(  # noqa: N802  SQLite's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        return FaultyFile(name, flags, path=path or "", plan=self._plan)


class FaultyFile(apsw.VFSFile):
    """One file of a database."""

    def __init__(
        self,
        name: str | apsw.URIFilename | None,
        flags: list[int],
        *,
        path: str,
        plan: FaultPlan,
    ) -> None:
        super().__init__("unix", name, flags)
        self._plan = plan
        self._is_activity = "-activity." in path
        self._is_log = path.endswith("-wal")
        self._site = Site.LOG if self._is_log else Site.FILE
        self._is_unsynced = False

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        act = self._plan.step(Site.ACTIVITY if self._is_activity else self._site)
        if act in ERRORS and self._is_log:
            # A failure of a checkpoint is none of the commit or close that set it off, but the
            # driver would remember the exception and raise it there.
            raise ERRORS[act]
        if act is Act.TEAR:
            super().xWrite(bytes(data[: len(data) // 2]), offset)
            die()
        super().xWrite(data, offset)
        self._is_unsynced = True

    def xSync(self, flags: int) -> None:  # noqa: N802
        if not self._is_activity:
            act = self._plan.step(Site.SYNC)
            if act in ERRORS and self._is_log and self._is_unsynced:
                # What a commit wrote. A checkpoint syncs the log again, and the file, after the
                # commit that set it off has happened; its failure is none of that commit's either.
                raise ERRORS[act]
        super().xSync(flags)
        self._is_unsynced = False

    def xLock(self, level: int) -> None:  # noqa: N802
        try:
            super().xLock(level)
        except apsw.IOError as exc:
            # A file opened for reading cannot be locked for writing, which SQLite shrugs off when
            # it closes one; the driver would not.
            raise apsw.BusyError from exc
