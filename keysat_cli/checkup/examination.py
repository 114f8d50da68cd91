"""Making all checks of a patient, and what they come to. No check keeps another from being made."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from keysat_cli.checkup.checks import CHECKS, Check
from keysat_cli.checkup.patient import Patient
from keysat_core.domain.finding import Finding, Health, failing
from keysat_core.errors import MigrationRefused, ServerFault, SigningKeyUnusable, StoreBusy

_SEVERITY: Final = (Health.OK, Health.SKIPPED, Health.WARNING, Health.FAILING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What one check found."""

    check: Check
    findings: list[Finding]

    @property
    def health(self) -> Health:
        """The worst of the findings."""
        return max((one.health for one in self.findings), key=_SEVERITY.index)


@contextmanager
def examined(patient: Patient, checks: Sequence[Check] = CHECKS) -> Iterator[list[Result]]:
    """Look at everything, or at what some checks do; the database is closed at the end."""
    results: list[Result] = []
    try:
        for check in checks:
            is_well = all(one.health is not Health.FAILING for one in results)
            results.append(looked_at(check, patient, is_well=is_well))
        yield results
    finally:
        if patient.opened is not None:
            patient.opened.close()


def looked_at(check: Check, patient: Patient, *, is_well: bool) -> Result:
    """Make one check, which never keeps the others from being made. ``is_well``: nothing failed yet."""
    return Result(check=check, findings=_findings(check, patient, is_well=is_well))


def exit_code_for(results: list[Result], *, is_strict: bool) -> int:
    """Give the code of the most serious check that fails; if strict, else of one that warns."""
    wanted = [Health.FAILING, Health.WARNING] if is_strict else [Health.FAILING]
    for health in wanted:
        for result in results:
            if result.health is health:
                return result.check.exit_code
    return 0


def _findings(check: Check, patient: Patient, *, is_well: bool) -> list[Finding]:
    try:
        return check.look(patient)
    except ServerFault as exc:
        if not is_well:
            # What fails already may be why.
            why = "the database is not open" if patient.opened is None else str(exc)
            return [Finding(health=Health.SKIPPED, text=f"not looked at: {why}")]
        return [failing(str(exc), _remedy(exc))]
    except OSError as exc:
        said = f"{exc.filename or 'a file'} cannot be looked at: {exc.strerror}"
        return [failing(said, "see that this user may search its folder and read it")]
    except Exception as exc:  # noqa: BLE001  what breaks one check must not hide what others find
        return [failing(f"it could not be looked at ({type(exc).__name__}: {exc})", "report this")]


def _remedy(fault: ServerFault) -> str:
    match fault:
        case StoreBusy():
            return "another program keeps the database locked: end it and look again"
        case SigningKeyUnusable():
            return "restore a backup; without its key no license ever sold can be verified"
        case MigrationRefused():
            return "do as it says; nothing was changed"
        case _:
            return "see that KEYSAT_DB_PATH is right and that this user may read the file"
