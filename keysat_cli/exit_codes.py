"""The exit codes of every command, and which failure ends in which. Scripts rely on them.

| code | meaning |
|---|---|
| 0 | done |
| 1 | something unexpected broke; ``KEYSAT_DEBUG=1`` shows where |
| 2 | the command line is wrong, or a confirmation could not be asked for |
| 3 | what was named does not exist, or is not in a state this can act on |
| 4 | refused: a value is invalid, or a rule forbids it |
| 5 | conflict with what is there: a taken slug, something that still depends on it |
| 6 | a setting is missing or wrong |
| 7 | the database is unusable, busy, or needs ``keysat migrate`` |
| 8 | the license key does not verify |
| 9 | a check found differences |
| 10 | something outside this server failed |
| 11 | it was done, but its output could not be written: do not repeat a change |
| 20 | doctor: the database cannot be opened |
| 21 | doctor: the database is damaged |
| 22 | doctor: the signing key is missing, damaged, or another than the public key's |
| 23 | doctor: the schema is not this program's |
| 24 | doctor: rows refer to rows that are not there |
| 25 | doctor: paid invoices have no license |
| 26 | doctor: the disk is full, or nearly |
| 27 | doctor: files with secrets are open to others |
| 28 | doctor: settings contradict each other or the database |
| 29 | doctor: a write-ahead log is not written back |
| 30 | doctor: the validation log's file is unusable |
| 31 | doctor: the backup is missing or old |
| 32 | doctor: a background job's lease is stuck |
| 33 | doctor: background jobs do not run |
| 34 | doctor: the clock is wrong |
| 35 | doctor: a payment provider does not work |
| 36 | doctor: events do not reach a webhook endpoint |
| 37 | doctor: a payment provider does not answer now |
| 38 | doctor: the public address is not this server's |
| 39 | doctor: the trust root cannot be read |
| 40 | doctor: the operator's own license does not count, or soon will not |
| 130 | interrupted, or a question was answered with no |
| 141 | the reader of the output went away; stderr says if a change was made before |
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from keysat_core import errors as core


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    CONFLICT = 5
    CONFIGURATION = 6
    DATABASE = 7
    KEY_REJECTED = 8
    DIFFERENCES = 9
    OUTSIDE = 10
    OUTPUT_LOST = 11
    INTERRUPTED = 130
    READER_GONE = 141


EXIT_CODES: Final[Mapping[type[core.KeysatError], ExitCode]] = {
    core.InvariantError: ExitCode.REFUSED,
    core.BadKeyFormat: ExitCode.KEY_REJECTED,
    core.BadKeySignature: ExitCode.KEY_REJECTED,
    core.KeyExpired: ExitCode.KEY_REJECTED,
    core.FingerprintMismatch: ExitCode.KEY_REJECTED,
    core.BadPEM: ExitCode.REFUSED,
    core.Unauthorized: ExitCode.REFUSED,
    core.Forbidden: ExitCode.REFUSED,
    core.CsrfTokenInvalid: ExitCode.REFUSED,
    core.CrossSiteRequest: ExitCode.REFUSED,
    core.WebPasswordUnset: ExitCode.CONFIGURATION,
    core.NotFound: ExitCode.NOT_FOUND,
    core.SlugTaken: ExitCode.CONFLICT,
    core.StillReferenced: ExitCode.CONFLICT,
    core.IdempotencyKeyReused: ExitCode.CONFLICT,
    core.RequestInFlight: ExitCode.CONFLICT,
    core.AnswerLost: ExitCode.CONFLICT,
    core.IllegalTransition: ExitCode.CONFLICT,
    core.StillPayable: ExitCode.CONFLICT,
    core.TierCapReached: ExitCode.REFUSED,
    core.ProductInactive: ExitCode.REFUSED,
    core.PolicyUnavailable: ExitCode.REFUSED,
    core.CodeRefused: ExitCode.REFUSED,
    core.TierChangeRefused: ExitCode.REFUSED,
    core.RecoveryRefused: ExitCode.NOT_FOUND,
    core.NoProvider: ExitCode.REFUSED,
    core.ProviderRefused: ExitCode.OUTSIDE,
    core.ProviderUnavailable: ExitCode.OUTSIDE,
    core.RateUnavailable: ExitCode.OUTSIDE,
    core.RecipientFailed: ExitCode.OUTSIDE,
    core.NotAuthentic: ExitCode.REFUSED,
    core.ConnectStateInvalid: ExitCode.REFUSED,
    core.AlreadyConnected: ExitCode.CONFLICT,
    core.StoreUndecided: ExitCode.REFUSED,
    core.NotConfigured: ExitCode.CONFIGURATION,
    core.ProviderNotLoaded: ExitCode.CONFIGURATION,
    core.RateLimited: ExitCode.REFUSED,
    core.ConfigurationError: ExitCode.CONFIGURATION,
    core.NotInstalled: ExitCode.CONFIGURATION,
    core.CorruptRow: ExitCode.DATABASE,
    core.StoreBusy: ExitCode.DATABASE,
    core.StoreUnavailable: ExitCode.DATABASE,
    core.MigrationRefused: ExitCode.DATABASE,
    core.PathTaken: ExitCode.CONFLICT,
    core.BackupUnsound: ExitCode.DIFFERENCES,
    core.DatabaseInUse: ExitCode.DATABASE,
    core.SigningKeyUnusable: ExitCode.DATABASE,
    core.LicenseFileUnwritable: ExitCode.CONFIGURATION,
}
"""Leaves only: a family has no row, so that a new leaf must say how it ends."""


def exit_code_of(failure: core.KeysatError) -> ExitCode:
    """Say how a failure ends. A leaf missing here fails a test; at run time it is unexpected."""
    return EXIT_CODES.get(type(failure), ExitCode.UNEXPECTED)
