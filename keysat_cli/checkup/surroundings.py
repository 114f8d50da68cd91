"""What the doctor asks of the surroundings of a server, in the light of its database."""

from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from keysat_adapters.system.license_file import key_in_file
from keysat_cli.bind import parse_bind
from keysat_cli.checkup.patient import Patient
from keysat_cli.settings import BIND_DEFAULT, find_problem
from keysat_core.domain import work_diagnosis
from keysat_core.domain.finding import Finding
from keysat_core.domain.secret import Secret
from keysat_core.domain.settings_diagnosis import SettingsFacts, judge_settings
from keysat_core.domain.work_diagnosis import ClockFacts
from keysat_core.errors import ServerFault

_ADMIN_KEY: Final = "KEYSAT_ADMIN_API_KEY"


def settings(patient: Patient) -> list[Finding]:
    """Look for settings that contradict each other or the database."""
    environment, settings = patient.environment, patient.settings
    problem = find_problem(environment)
    public_url = None if problem else environment.find("KEYSAT_PUBLIC_URL")
    public = urlsplit(public_url) if public_url else None
    is_behind_proxy = None
    if problem is None and environment.find("KEYSAT_BEHIND_PROXY") is not None:
        is_behind_proxy = environment.is_on("KEYSAT_BEHIND_PROXY")
    bind = None if problem else parse_bind(environment.find("KEYSAT_BIND") or BIND_DEFAULT)
    admin_key = environment.find(_ADMIN_KEY)
    facts = SettingsFacts(
        problem=problem,
        public_scheme=public.scheme if public else None,
        public_host=public.hostname if public else None,
        bind_host=bind.host if bind else None,
        is_behind_proxy=is_behind_proxy,
        has_proxy_list=environment.find("KEYSAT_TRUSTED_PROXIES") is not None,
        admin_key=Secret(admin_key) if admin_key else None,
        other_secrets={
            name: Secret(text) for name, text in environment.values_beside(_ADMIN_KEY).items()
        },
        legacy_conflicts=environment.conflicts(),
        license_variable=settings.self_license_key,
        license_file=key_in_file(settings.self_license_path),
        is_sandbox=settings.is_sandbox,
        has_real_sales=_has_sales(patient, is_pretend=False),
        has_pretend_sales=_has_sales(patient, is_pretend=True),
    )
    return judge_settings(facts)


def clock(patient: Patient) -> list[Finding]:
    """Compare the clock with the newest time in the database, and see if it was moved meanwhile."""
    newest_at = None
    with suppress(ServerFault):
        # The clock can be judged without a database, only less well.
        newest_at = patient.database.newest_at()
    facts = ClockFacts(
        now=patient.now, newest_at=newest_at, drift_seconds=patient.drift.drift_seconds()
    )
    return work_diagnosis.judge_clock(facts)


def _has_sales(patient: Patient, *, is_pretend: bool) -> bool:
    try:
        return patient.database.has_sales(is_pretend=is_pretend)
    except ServerFault:
        # The other settings can be judged without; the database's own check tells why.
        return False
