"""``keysat key``: license keys, checked as the sold software checks them offline."""

import sys
from pathlib import Path
from typing import Final

import click
import msgspec

from keysat_cli.exit_codes import ExitCode
from keysat_cli.groups import NounGroup
from keysat_cli.options import MOMENT, read_argument_or_stdin
from keysat_cli.output import clean, emit, facts, time_text
from keysat_cli.session import OPERATOR, open_shop
from keysat_cli.wiring import CLOCK
from keysat_core.domain.ids import is_uuid_text
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.errors import ConfigurationError, LicenseKeyError
from keysat_core.limits import INSTANT_MAX, PEM_CHARS_MAX
from keysat_core.signing import LicensePayload, Verifier, parse_key
from keysat_core.use_cases.products.list_products import find_product_id
from keysat_core.use_cases.server.import_issuer_key import ImportIssuerKey, import_issuer_key
from keysat_http.views.issuer_key import IssuerKeyImported

PEM_BYTES_MAX: Final = 10_000
"""A public key in PEM form has 113 bytes; a larger file is something else."""

PRODUCT_MISMATCH: Final = "product_mismatch"

key_argument = click.argument("text", metavar="KEY")


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What a license key says; instants are the Unix seconds it carries, 0 is never."""

    version: int
    license_id: str
    product_id: str
    issued_at: int
    expires_at: int
    is_trial: bool
    is_fingerprint_bound: bool
    fingerprint_hash: str | None
    entitlements: tuple[str, ...]


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was read, not verified."""

    ok: bool
    payload: Payload


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a key verifies; ``reason`` and ``message`` exactly when it does not."""

    ok: bool
    reason: str | None = None
    message: str | None = None
    payload: Payload | None = None


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """What verifies this server's licenses (public-api 4)."""

    public_key_pem: str
    algorithm: str = "ed25519"


@click.group(cls=NounGroup)
def key() -> None:
    """Verify and inspect license keys, and the key that signs them. KEY may be - for stdin."""


@key.command()
@key_argument
@click.option(
    "--pem",
    "pem_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The issuer's public key; else this server's own.",
)
@click.option("--product", metavar="PRODUCT", help="The product it must be for: slug or id.")
@click.option("--fingerprint", metavar="TEXT", help="The machine it must be good on.")
@click.option("--at", type=MOMENT, help="The instant it must be good at; now if left out.")
def verify(
    text: str,
    *,
    pem_path: Path | None,
    product: str | None,
    fingerprint: str | None,
    at: Instant | None,
) -> None:
    """Verify a license key offline; exit code 8 if it does not verify.

    Like the sold software without a connection, this knows neither revocation nor seats.
    """
    license_key = read_argument_or_stdin(text)
    verifier, product_id = _issuer(pem_path, product)
    verdict = judge(
        license_key,
        verifier,
        product_id=product_id,
        fingerprint=fingerprint,
        now=CLOCK.now() if at is None else at,
    )
    if verdict.payload is not None and verdict.ok:
        emit(verdict, ["The key verifies.", *_lines(verdict.payload)])
        return
    emit(verdict, [f"The key does not verify: {verdict.reason}: {verdict.message}"])
    click.get_current_context().exit(ExitCode.KEY_REJECTED)


@key.command()
@key_argument
def inspect(text: str) -> None:
    """Show what a license key says, without verifying it. Needs no database."""
    payload = payload_view(parse_key(read_argument_or_stdin(text)).payload)
    emit(Inspection(ok=True, payload=payload), ["Not verified.", *_lines(payload)])


@key.command()
def public() -> None:
    """Print this server's public key."""
    with open_shop() as ports:
        pem = ports.keys.signing_key().verify_key.to_pem()
    emit(PublicKey(public_key_pem=pem), pem.splitlines())


@key.command("import")
@click.argument("path", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE")
def import_(path: Path) -> None:
    """Sign with another server's private key; FILE may be - for stdin. Only before the first license.

    The key is a PKCS#8 PEM. A server that runs signs with it at once.
    """
    pem = Secret(read_private_pem(path))
    with open_shop(is_creating=True) as ports:
        public_pem = import_issuer_key(
            OPERATOR,
            ImportIssuerKey(pem=pem),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            keys=ports.keys,
        )
    emit(IssuerKeyImported(public_key_pem=public_pem), public_pem.splitlines())


def judge(
    text: str,
    verifier: Verifier,
    *,
    product_id: str | None,
    fingerprint: str | None,
    now: Instant,
) -> Verdict:
    """Verify a key and say why not."""
    try:
        payload = verifier.verify(text, now=now, fingerprint=fingerprint).payload
    except LicenseKeyError as rejected:
        return Verdict(ok=False, reason=rejected.code, message=str(rejected))
    if product_id is not None and payload.product_id != product_id:
        message = f"the key is for product {payload.product_id}"
        return Verdict(ok=False, reason=PRODUCT_MISMATCH, message=message)
    return Verdict(ok=True, payload=payload_view(payload))


def payload_view(payload: LicensePayload) -> Payload:
    """Render what a key says."""
    is_bound = payload.is_fingerprint_bound
    return Payload(
        version=payload.version,
        license_id=payload.license_id,
        product_id=payload.product_id,
        issued_at=payload.issued_at,
        expires_at=payload.expires_at,
        is_trial=payload.is_trial,
        is_fingerprint_bound=is_bound,
        fingerprint_hash=payload.fingerprint_hash.hex() if is_bound else None,
        entitlements=payload.entitlements,
    )


def _issuer(pem_path: Path | None, product: str | None) -> tuple[Verifier, str | None]:
    """Give who must have signed and the product's id; only what a file does not say is looked up."""
    if pem_path is not None:
        if product is not None and not is_uuid_text(product):
            raise click.UsageError("with --pem, --product must be the product's id")
        return Verifier.from_pem(_read_pem(pem_path)), product
    with open_shop() as ports:
        if product is not None and not is_uuid_text(product):
            product = find_product_id(OPERATOR, product, store=ports.store)
        return ports.keys.verifier(), product


def _read_pem(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(PEM_BYTES_MAX).decode("ascii", "replace")
    except OSError as exc:
        raise ConfigurationError("--pem", f"{path} cannot be read: {exc.strerror}") from exc


def read_private_pem(path: Path) -> str:
    """Read at most what a key can have; what is longer is refused as a whole."""
    try:
        if str(path) == "-":
            text = sys.stdin.read(PEM_CHARS_MAX + 1)
        else:
            with path.open(encoding="utf-8", errors="replace") as file:
                text = file.read(PEM_CHARS_MAX + 1)
    except OSError as exc:
        raise ConfigurationError("FILE", f"{path} cannot be read: {exc.strerror}") from exc
    return text


def _lines(payload: Payload) -> list[str]:
    return facts(
        (
            ("license id", payload.license_id),
            ("product id", payload.product_id),
            ("issued at", _time(payload.issued_at)),
            ("expires at", _time(payload.expires_at) if payload.expires_at else "never"),
            ("trial", payload.is_trial),
            ("bound to", payload.fingerprint_hash or "no machine"),
            ("entitlements", [clean(slug) for slug in payload.entitlements]),
            ("version", payload.version),
        )
    )


def _time(seconds: int) -> str | None:
    """Spell what a key carries; a forged key may carry what no calendar knows."""
    if not 0 <= seconds <= INSTANT_MAX:
        return f"Unix time {seconds}"
    return time_text(Instant(seconds))
