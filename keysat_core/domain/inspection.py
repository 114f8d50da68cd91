"""What is looked at when a database is verified, and what counts as wrong. Judges; counts nothing.

Source: ARCHITECTURE, rule 5.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from keysat_core.domain.license import License, key_of, payload_of
from keysat_core.domain.secret import Secret
from keysat_core.errors import (
    BadPEM,
    CorruptRow,
    InvariantError,
    LicenseKeyError,
    SigningKeyUnusable,
)
from keysat_core.limits import PROBLEMS_MAX
from keysat_core.signing import SigningKey, Verifier, VerifyKey
from keysat_core.signing.license_key import encode_payload, parse_payload


class Check(StrEnum):
    """One question about a database."""

    CHECKSUM = "checksum"
    LEDGER = "ledger"
    STRUCTURE = "structure"
    REFERENCES = "references"
    SIGNING_KEY = "signing_key"
    LICENSES = "licenses"
    BOOKS = "books"
    SEATS = "seats"
    AUDIT = "audit"
    COUNTS = "counts"


class CheckFinding(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one check. ``skipped`` says why it was not asked; then nothing is known."""

    check: str
    problems: tuple[str, ...] = ()
    skipped: str | None = None

    @property
    def is_sound(self) -> bool:
        """Nothing was found to be wrong."""
        return not self.problems


class Offenders(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that break a rule: how many, and the beginnings of the ids of the first few.

    The whole id of an invoice is its buyer's secret.
    """

    count: int = 0
    ids: tuple[str, ...] = ()


class Tallies(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted in the rows of a database.

    ``effects_without_license``: settled invoices whose effect was applied, without a license.
    ``effects_unpaid``: invoices with an effect that are not settled.
    ``licenses_unpaid``: licenses of an invoice that is not settled.
    ``licenses_without_effect``: licenses of a settled invoice that is said to lack its effect.
    ``invoices_licensed_twice``: invoices with more than one license.
    ``seats_taken_twice``: machines with the license and fingerprint of another live machine.
    """

    license_count: int = 0
    effects_without_license: Offenders = Offenders()
    effects_unpaid: Offenders = Offenders()
    licenses_unpaid: Offenders = Offenders()
    licenses_without_effect: Offenders = Offenders()
    invoices_licensed_twice: Offenders = Offenders()
    seats_taken_twice: Offenders = Offenders()


def is_sound(findings: Iterable[CheckFinding]) -> bool:
    """Tell whether no check found anything wrong."""
    return all(finding.is_sound for finding in findings)


def problems_of(findings: Iterable[CheckFinding]) -> tuple[str, ...]:
    """Give everything that is wrong, each with the check that found it."""
    return tuple(
        f"{finding.check}: {problem}" for finding in findings for problem in finding.problems
    )


def judge_references(dangling: Mapping[str, int]) -> tuple[str, ...]:
    """Judge rows that refer to rows that are not there, counted by their table."""
    return tuple(
        f"{count} rows of table {table} refer to rows that are not there"
        for table, count in dangling.items()
        if count
    )


def judge_counts(differences: Mapping[str, int]) -> tuple[str, ...]:
    """Judge the numbers kept beside long tables, by their table."""
    return tuple(
        f"{count} keys of table {table} have other numbers than what they count;"
        " keysat migrate --recount counts anew"
        for table, count in differences.items()
        if count
    )


def judge_books(tallies: Tallies) -> tuple[str, ...]:
    """Judge the money books: one license for every applied effect, none for anything else.

    A settled invoice without an effect is no fault: the server applies it when it next looks.
    """
    said = {
        "settled invoices lost their license": tallies.effects_without_license,
        "invoices had their effect without being settled": tallies.effects_unpaid,
        "licenses belong to an invoice that is not settled": tallies.licenses_unpaid,
        "licenses belong to an invoice without its effect": tallies.licenses_without_effect,
        "invoices have more than one license": tallies.invoices_licensed_twice,
    }
    return _said(said)


def judge_seats(tallies: Tallies) -> tuple[str, ...]:
    """Judge the machines: one live row for each license and fingerprint."""
    return _said({"machines sit on a seat that is taken": tallies.seats_taken_twice})


def usable_signing_key(stored: tuple[Secret, str] | None) -> SigningKey:
    """Read the stored private and public PEM, and check that they belong together.

    Raises:
        SigningKeyUnusable: It is missing, damaged, or belongs to another public key.
    """
    if stored is None:
        raise SigningKeyUnusable("there is none; it is made when the server first starts")
    private_pem, public_pem = stored
    try:
        signing_key = SigningKey.from_pem(private_pem.reveal())
        verify_key = VerifyKey.from_pem(public_pem)
    except BadPEM as exc:
        raise SigningKeyUnusable(f"{exc}; restore a backup") from exc
    if signing_key.verify_key != verify_key:
        raise SigningKeyUnusable("it does not belong to the stored public key; restore a backup")
    return signing_key


def judge_license(
    license: License | CorruptRow, signing_key: SigningKey, verifier: Verifier, *, is_signed: bool
) -> str | None:
    """Judge one license: its row can be read, and the key it stands for says the same.

    With ``is_signed`` the key is signed and verified too, which shows nothing new after a few.
    """
    if isinstance(license, CorruptRow):
        return str(license)
    try:
        said = payload_of(license)
        read = parse_payload(encode_payload(said))
        if is_signed:
            read = verifier.verify(key_of(license, signing_key)).payload
    except (LicenseKeyError, InvariantError) as exc:
        return f"the key of license {license.id} cannot be derived: {exc}"
    return None if read == said else f"the key of license {license.id} is not what its row says"


def _said(offences: Mapping[str, Offenders]) -> tuple[str, ...]:
    return tuple(
        f"{offenders.count} {what}: {_listed(offenders)}"
        for what, offenders in offences.items()
        if offenders.count
    )


def _listed(offenders: Offenders) -> str:
    more = ", …" if offenders.count > len(offenders.ids[:PROBLEMS_MAX]) else ""
    return ", ".join(offenders.ids[:PROBLEMS_MAX]) + more
