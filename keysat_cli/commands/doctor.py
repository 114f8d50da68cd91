"""``keysat doctor``: what is wrong with a server, and what to do about it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from keysat_cli.checkup.examination import Result, examined, exit_code_for
from keysat_cli.checkup.patient import Patient
from keysat_cli.environment import Environment
from keysat_cli.groups import JSONCommand
from keysat_cli.output import clean, emit
from keysat_cli.session import environment
from keysat_cli.settings import StoreSettings, read_store_settings
from keysat_core.domain.finding import Finding, Health
from keysat_core.errors import ConfigurationError

TRUST_ROOT: Final = "KEYSAT_TRUST_ROOT_PEM"

WORDS: Final = {Health.FAILING: "FAIL"}
"""What a person must not overlook stands out."""


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found. ``exit_code`` is what it ends the command with when it decides."""

    name: str
    health: Health
    exit_code: int
    findings: list[Finding]


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found. ``ok``: the exit code is 0."""

    ok: bool
    db_path: str
    exit_code: int
    checks: list[CheckView]


@click.command(cls=JSONCommand)
@click.option("--full", is_flag=True, help="Compare indexes with their tables too; takes longer.")
@click.option(
    "--offline", is_flag=True, help="Ask neither payment providers nor the public address."
)
@click.option("--strict", is_flag=True, help="Let warnings decide the exit code as well.")
def doctor(*, full: bool, offline: bool, strict: bool) -> None:
    """Look for what is wrong and say what to do.

    It changes nothing and works whether the server runs or not. Payment providers and the public
    address are asked whether they answer, unless --offline. The exit code is 0, or that of the
    most serious check that fails: 20 and above, one for each.
    """
    known = environment()
    settings, trust_root_problem = _settings(known)
    patient = Patient(
        settings=settings,
        environment=known,
        folder=Path.cwd(),
        is_full=full,
        is_offline=offline,
        trust_root_problem=trust_root_problem,
    )
    with examined(patient) as results:
        code = exit_code_for(results, is_strict=strict)
        view = Examination(
            ok=code == 0,
            db_path=str(settings.db_path),
            exit_code=code,
            checks=[_view(result) for result in results],
        )
        emit(view, _lines(results))
    if code:
        click.get_current_context().exit(code)


def _settings(known: Environment) -> tuple[StoreSettings, str | None]:
    """Read the settings; a trust root that cannot be read must not keep the rest from being seen."""
    try:
        return read_store_settings(known), None
    except ConfigurationError as exc:
        if exc.setting != TRUST_ROOT:
            raise
        return read_store_settings(known.without(TRUST_ROOT)), str(exc)


def _view(result: Result) -> CheckView:
    return CheckView(
        name=result.check.name,
        health=result.health,
        exit_code=result.check.exit_code,
        findings=result.findings,
    )


def _lines(results: Sequence[Result]) -> list[str]:
    """One line for each check with its worst finding, and what to do below it."""
    width = max(len(result.check.name) for result in results)
    lines = []
    for result in results:
        worst_first = sorted(result.findings, key=lambda one: one.health is not result.health)
        for number, finding in enumerate(worst_first):
            name = "" if number else result.check.name
            word = WORDS.get(finding.health, finding.health)
            lines.append(f"{word.ljust(7)}  {name.ljust(width)}  {clean(finding.text)}")
            if finding.remedy is not None:
                lines.append(f"{' ' * (width + 11)}-> {clean(finding.remedy)}")
    return lines
